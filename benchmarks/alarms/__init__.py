"""When is a change an alert? False alarms and delays of the product and of others, on data whose truth is known."""
