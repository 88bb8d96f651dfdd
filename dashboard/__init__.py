"""What people see: pages, charts and theme."""
