"""Side-by-side measurements, each printing ratios taken in one run."""
