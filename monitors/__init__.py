"""What is computed: checks, calibration, verdicts, alerts and causes."""
