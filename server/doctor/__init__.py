"""The doctor: looks at a machine and a set-up, and says what to do. Changes nothing."""
