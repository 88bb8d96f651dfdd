-- Refused rows can be repaired and taken after all; they stay as a record.

ALTER TABLE quarantine ADD COLUMN repaired_at TIMESTAMP; -- NULL: still waits
