-- Records, in zone-file form, that a person was asked to create for an order. They stay until the
-- order has come to its end and the person was told that they may go.
CREATE TABLE created_records (
  order_id TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (order_id, record)
);
