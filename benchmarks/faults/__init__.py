"""Real faults for a real study: processes killed and stopped, inside system calls too; files damaged; disk full."""
