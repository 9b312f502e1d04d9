"""What trains and judges a policy."""
