"""Serves a flow until it is told to end."""

from deployed import greeting

if __name__ == "__main__":
    greeting.serve(name="served", pause_on_shutdown=True)
