"""A robot to test against: MuJoCo on the CPU behind the vendor's topics, with faults on demand."""
