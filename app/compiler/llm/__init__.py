"""Language models: finding and opening them, talking with them, and what their errors mean."""
