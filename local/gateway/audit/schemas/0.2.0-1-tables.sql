-- audit.db as DefenseClaw 0.2.0 makes it: tables, indexes and triggers.
CREATE TABLE audit_events ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, action TEXT NOT NULL,
  target TEXT, actor TEXT NOT NULL DEFAULT 'defenseclaw', details TEXT, severity TEXT );
CREATE TABLE scan_results ( id TEXT PRIMARY KEY, scanner TEXT NOT NULL, target TEXT NOT NULL,
  timestamp DATETIME NOT NULL, duration_ms INTEGER, finding_count INTEGER, max_severity TEXT,
  raw_json TEXT );
CREATE TABLE findings ( id TEXT PRIMARY KEY, scan_id TEXT NOT NULL, severity TEXT NOT NULL, title
  TEXT NOT NULL, description TEXT, location TEXT, remediation TEXT, scanner TEXT NOT NULL, tags
  TEXT, FOREIGN KEY (scan_id) REFERENCES scan_results(id) );
CREATE TABLE actions ( id TEXT PRIMARY KEY, target_type TEXT NOT NULL, target_name TEXT NOT NULL,
  source_path TEXT, actions_json TEXT NOT NULL DEFAULT '{}', reason TEXT, updated_at DATETIME NOT
  NULL );
CREATE INDEX idx_audit_timestamp ON audit_events(timestamp);
CREATE INDEX idx_audit_action ON audit_events(action);
CREATE INDEX idx_scan_scanner ON scan_results(scanner);
CREATE INDEX idx_finding_severity ON findings(severity);
CREATE INDEX idx_finding_scan ON findings(scan_id);
CREATE UNIQUE INDEX idx_actions_type_name ON actions(target_type, target_name);
