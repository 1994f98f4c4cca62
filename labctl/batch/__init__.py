"""Many runs from one file: read, checked as a whole, planned, made one after the other, and taken up again."""
