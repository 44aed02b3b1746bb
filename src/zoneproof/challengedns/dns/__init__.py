"""What is answered to DNS questions: zones, table, wire format, UDP and TCP, worker processes."""
