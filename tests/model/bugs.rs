//! Each mistake violates something: what the runs without one show is worth as much as this.
