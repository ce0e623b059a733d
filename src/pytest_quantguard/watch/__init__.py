"""Has the endpoint changed since its reference day? ``quantguard watch``."""
