"""The doctor: what is wrong with a policy file, where, and how to mend it."""
