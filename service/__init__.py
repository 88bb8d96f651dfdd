"""What programs call: the workspace, the HTTP API, the command line."""
