"""Whose the study is: one process at a time works on it, and others notice when it is gone."""
