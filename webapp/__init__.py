"""The Risk-O-Meter: pages for clerks and an interface for programs, on one Flask app that several processes run.

`app.py` puts the app together; `serve.py` starts the processes. Nothing is imported here: the parent of the processes
stays small.
"""
