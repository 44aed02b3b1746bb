"""What tests of several rooms share: real servers, fakes, and small worlds of both."""
