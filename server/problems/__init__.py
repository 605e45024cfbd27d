"""Problems: how often each code was answered, hour by hour, for the operator to see."""
