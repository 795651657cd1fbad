//! cargo local: the whole product on one machine in one process.
