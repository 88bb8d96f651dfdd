"""Where it lands: DuckDB, the control store, sources and engines."""
