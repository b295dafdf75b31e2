"""What goes in and out: validated, and shown in /openapi.json."""
