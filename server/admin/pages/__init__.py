"""The pages below /admin, a file for each that the navigation names. Importing one adds it."""
