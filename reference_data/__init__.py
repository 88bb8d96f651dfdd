"""What normal is: schema, bins, profiles and frozen references."""
