"""The script Streamlit runs; its neighbour ``static/`` is served at ``/app/static``."""

from dashboard.app import main

main()
