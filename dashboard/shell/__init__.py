"""What Streamlit is pointed at. It stands apart from ``pages/``, which Streamlit would otherwise run file by file."""
