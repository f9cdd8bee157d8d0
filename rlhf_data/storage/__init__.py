"""Parquet tables in and out, checked and atomic; unfinished work kept; earlier versions read from Git and DVC."""
