//! The end-to-end tests are in `it/`: each brings its own tenant to one shared, deployed stack and does what a user does.
//! This library is empty; cargo wants a package to have one.
