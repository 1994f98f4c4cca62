"""Methods sections: what is done to the sample, in order, and what is reported."""
