"""The Ray driver: the study on all cores of this machine or on a cluster. Nothing else knows Ray."""
