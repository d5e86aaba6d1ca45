-- audit.db as DefenseClaw HEAD makes it: tables.
CREATE TABLE audit_events ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, action TEXT NOT NULL,
  target TEXT, actor TEXT NOT NULL DEFAULT 'defenseclaw', details TEXT, structured_json TEXT,
  severity TEXT, run_id TEXT , connector TEXT, step_idx INTEGER, enforced INTEGER, rule_pack_dir
  TEXT, bucket TEXT, event_name TEXT, payload_json TEXT, trace_id TEXT, request_id TEXT, session_id
  TEXT, agent_name TEXT, agent_instance_id TEXT, policy_id TEXT, destination_app TEXT, tool_name
  TEXT, tool_id TEXT, schema_version INTEGER, content_hash TEXT, generation INTEGER, binary_version
  TEXT, agent_id TEXT, sidecar_instance_id TEXT, source TEXT, signal TEXT, bucket_catalog_version
  INTEGER, projected_record_json TEXT, record_schema_version INTEGER, projection_hash TEXT,
  redaction_profile TEXT, mandatory INTEGER, turn_id TEXT, evaluation_id TEXT, scan_id TEXT,
  finding_id TEXT, enforcement_action_id TEXT, payload_hmac TEXT, integrity_algorithm TEXT,
  integrity_key_id TEXT, retention_timestamp_unix_nano INTEGER);
CREATE TABLE scan_results ( id TEXT PRIMARY KEY, scanner TEXT NOT NULL, target TEXT NOT NULL,
  timestamp DATETIME NOT NULL, duration_ms INTEGER, finding_count INTEGER, max_severity TEXT,
  raw_json TEXT, run_id TEXT , verdict TEXT, exit_code INTEGER, error TEXT, schema_version INTEGER,
  content_hash TEXT, generation INTEGER, binary_version TEXT, agent_id TEXT, agent_instance_id
  TEXT, sidecar_instance_id TEXT, session_id TEXT, request_id TEXT, trace_id TEXT, evaluation_id
  TEXT, retention_timestamp_unix_nano INTEGER);
CREATE TABLE findings ( id TEXT PRIMARY KEY, scan_id TEXT NOT NULL, severity TEXT NOT NULL, title
  TEXT NOT NULL, description TEXT, location TEXT, remediation TEXT, scanner TEXT NOT NULL, tags
  TEXT, rule_id TEXT, line_number INTEGER, schema_version INTEGER, content_hash TEXT, generation
  INTEGER, binary_version TEXT, agent_id TEXT, sidecar_instance_id TEXT, FOREIGN KEY (scan_id)
  REFERENCES scan_results(id) );
CREATE TABLE actions ( id TEXT PRIMARY KEY, target_type TEXT NOT NULL, target_name TEXT NOT NULL,
  source_path TEXT, actions_json TEXT NOT NULL DEFAULT '{}', reason TEXT, updated_at DATETIME NOT
  NULL, connector TEXT NOT NULL DEFAULT '' , schema_version INTEGER, content_hash TEXT, generation
  INTEGER, binary_version TEXT, sidecar_instance_id TEXT);
CREATE TABLE quarantine_records ( id TEXT PRIMARY KEY, target_type TEXT NOT NULL, target_name TEXT
  NOT NULL, original_path TEXT NOT NULL, quarantine_path TEXT NOT NULL UNIQUE, content_hash TEXT
  NOT NULL, reason TEXT, state TEXT NOT NULL DEFAULT 'pending', ownership_json TEXT NOT NULL
  DEFAULT '{}', restore_path TEXT, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL );
CREATE TABLE quarantine_record_connectors ( quarantine_id TEXT NOT NULL, connector TEXT NOT NULL
  DEFAULT '', associated_at DATETIME NOT NULL, PRIMARY KEY (quarantine_id, connector), FOREIGN KEY
  (quarantine_id) REFERENCES quarantine_records(id) ON DELETE CASCADE );
CREATE TABLE network_egress_events ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, session_id
  TEXT, hostname TEXT NOT NULL, url TEXT, http_method TEXT, protocol TEXT, policy_outcome TEXT NOT
  NULL, decision_code TEXT, blocked INTEGER NOT NULL DEFAULT 0, severity TEXT NOT NULL DEFAULT
  'INFO', details TEXT , schema_version INTEGER, content_hash TEXT, generation INTEGER,
  binary_version TEXT, sidecar_instance_id TEXT, connector TEXT, agent_id TEXT, agent_lifecycle_id
  TEXT, agent_execution_id TEXT, user_id TEXT, tool_id TEXT, root_agent_id TEXT, parent_agent_id
  TEXT, root_session_id TEXT, retention_timestamp_unix_nano INTEGER);
CREATE TABLE target_snapshots ( id TEXT PRIMARY KEY, target_type TEXT NOT NULL, target_path TEXT
  NOT NULL, content_hash TEXT NOT NULL, dependency_hashes TEXT, config_hashes TEXT,
  network_endpoints TEXT, scan_id TEXT, captured_at DATETIME NOT NULL, schema_version INTEGER,
  generation INTEGER, binary_version TEXT, sidecar_instance_id TEXT, scanner_fingerprint TEXT NOT
  NULL DEFAULT '', UNIQUE(target_type, target_path) );
CREATE TABLE alert_acknowledgement_projection ( alert_id TEXT PRIMARY KEY, disposition TEXT NOT
  NULL CHECK (disposition IN ('acknowledged','dismissed')), actor TEXT NOT NULL, disposition_at
  DATETIME NOT NULL, projection_version INTEGER NOT NULL CHECK (projection_version > 0), source
  TEXT NOT NULL CHECK (source IN ('modern','legacy_ack')), source_event_id TEXT NOT NULL,
  updated_at DATETIME NOT NULL );
CREATE TABLE activity_events ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, actor TEXT NOT
  NULL, action TEXT NOT NULL, target_type TEXT NOT NULL, target_id TEXT NOT NULL, reason TEXT,
  before_json TEXT, after_json TEXT, diff_json TEXT, version_from TEXT, version_to TEXT, request_id
  TEXT, trace_id TEXT, run_id TEXT, schema_version INTEGER, content_hash TEXT, generation INTEGER,
  binary_version TEXT, agent_id TEXT, sidecar_instance_id TEXT , retention_timestamp_unix_nano
  INTEGER);
CREATE TABLE sink_health ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, sink_name TEXT NOT
  NULL, sink_kind TEXT NOT NULL, outcome TEXT NOT NULL, status_code INTEGER, latency_ms INTEGER,
  batch_size INTEGER, error TEXT, queue_depth INTEGER, dropped_count INTEGER, schema_version
  INTEGER, content_hash TEXT, generation INTEGER, binary_version TEXT, sidecar_instance_id TEXT ,
  retention_timestamp_unix_nano INTEGER);
CREATE TABLE schema_version ( version INTEGER PRIMARY KEY, applied_at DATETIME NOT NULL );
CREATE TABLE judge_responses ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, kind TEXT NOT
  NULL, direction TEXT, model TEXT, action TEXT, severity TEXT, latency_ms INTEGER, parse_error
  TEXT, raw_response TEXT NOT NULL , request_id TEXT, trace_id TEXT, run_id TEXT, input_hash TEXT,
  confidence REAL, fail_closed_applied INTEGER NOT NULL DEFAULT 0, inspected_model TEXT,
  prompt_template_id TEXT, schema_version INTEGER, content_hash TEXT, generation INTEGER,
  binary_version TEXT, agent_id TEXT, sidecar_instance_id TEXT, session_id TEXT, agent_instance_id
  TEXT, policy_id TEXT, destination_app TEXT, tool_name TEXT, tool_id TEXT, timestamp_unix_nano
  INTEGER);
CREATE TABLE scan_findings ( id TEXT PRIMARY KEY, scan_id TEXT NOT NULL, scanner TEXT NOT NULL,
  target TEXT NOT NULL, rule_id TEXT, category TEXT, severity TEXT NOT NULL, title TEXT,
  description TEXT, location TEXT, line_number INTEGER, remediation TEXT, tags TEXT, timestamp
  DATETIME NOT NULL, run_id TEXT, request_id TEXT, session_id TEXT, agent_id TEXT,
  agent_instance_id TEXT, sidecar_instance_id TEXT, schema_version INTEGER, content_hash TEXT,
  generation INTEGER, binary_version TEXT , data_axis TEXT, tool_capability_class TEXT,
  content_fingerprint TEXT, external_endpoint TEXT, turn_id INTEGER, decision_path TEXT, confidence
  REAL, evaluation_id TEXT, retention_timestamp_unix_nano INTEGER, evidence_summary TEXT);
CREATE TABLE alert_acknowledgement_operations ( operation_id TEXT PRIMARY KEY, command_fingerprint
  TEXT NOT NULL, alert_id TEXT NOT NULL, requested_disposition TEXT NOT NULL CHECK
  (requested_disposition IN ('acknowledged','dismissed')), actor TEXT NOT NULL,
  expected_projection_version INTEGER NOT NULL CHECK (expected_projection_version >= 0), outcome
  TEXT NOT NULL CHECK (outcome IN ('applied','no_change','rejected')), rejection_reason TEXT,
  observed_projection_version INTEGER NOT NULL CHECK (observed_projection_version >= 0),
  projection_version_before INTEGER NOT NULL CHECK (projection_version_before >= 0),
  projection_version_after INTEGER NOT NULL CHECK (projection_version_after >= 0), event_id TEXT
  NOT NULL UNIQUE, created_at DATETIME NOT NULL, CHECK (observed_projection_version =
  projection_version_before), CHECK ( (outcome = 'applied' AND rejection_reason IS NULL AND
  projection_version_after = projection_version_before + 1) OR (outcome = 'no_change' AND
  rejection_reason IS NULL AND projection_version_after = projection_version_before) OR (outcome =
  'rejected' AND rejection_reason IN ('stale_projection_version','idempotency_conflict') AND
  projection_version_after = projection_version_before) ) );
CREATE TABLE alert_acknowledgement_baselines ( alert_id TEXT PRIMARY KEY, baseline_version INTEGER
  NOT NULL CHECK (baseline_version = 1), disposition TEXT NOT NULL CHECK (disposition =
  'acknowledged'), actor TEXT NOT NULL, disposition_at DATETIME NOT NULL, legacy_event_id TEXT NOT
  NULL UNIQUE, raw_legacy_severity TEXT NOT NULL CHECK (raw_legacy_severity = 'ACK'),
  legacy_original_severity TEXT NOT NULL CHECK (legacy_original_severity = 'unknown'),
  timestamp_provenance TEXT NOT NULL, created_at DATETIME NOT NULL );
CREATE TABLE alert_acknowledgement_health ( alert_id TEXT PRIMARY KEY, code TEXT NOT NULL,
  health_event_id TEXT NOT NULL UNIQUE, detected_at DATETIME NOT NULL );
CREATE TABLE observability_store_readiness ( id INTEGER PRIMARY KEY CHECK (id = 1),
  verification_generation INTEGER NOT NULL CHECK (verification_generation >= 0), last_verified_at
  DATETIME NOT NULL );
