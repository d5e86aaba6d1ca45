-- audit.db as DefenseClaw 0.8.4 makes it: tables, indexes and triggers.
CREATE TABLE audit_events ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, action TEXT NOT NULL,
  target TEXT, actor TEXT NOT NULL DEFAULT 'defenseclaw', details TEXT, structured_json TEXT,
  severity TEXT, run_id TEXT , connector TEXT, step_idx INTEGER, enforced INTEGER, rule_pack_dir
  TEXT, trace_id TEXT, request_id TEXT, session_id TEXT, agent_name TEXT, agent_instance_id TEXT,
  policy_id TEXT, destination_app TEXT, tool_name TEXT, tool_id TEXT, schema_version INTEGER,
  content_hash TEXT, generation INTEGER, binary_version TEXT, agent_id TEXT, sidecar_instance_id
  TEXT);
CREATE TABLE scan_results ( id TEXT PRIMARY KEY, scanner TEXT NOT NULL, target TEXT NOT NULL,
  timestamp DATETIME NOT NULL, duration_ms INTEGER, finding_count INTEGER, max_severity TEXT,
  raw_json TEXT, run_id TEXT , verdict TEXT, exit_code INTEGER, error TEXT, schema_version INTEGER,
  content_hash TEXT, generation INTEGER, binary_version TEXT, agent_id TEXT, agent_instance_id
  TEXT, sidecar_instance_id TEXT, session_id TEXT, request_id TEXT, trace_id TEXT, evaluation_id
  TEXT);
CREATE TABLE findings ( id TEXT PRIMARY KEY, scan_id TEXT NOT NULL, severity TEXT NOT NULL, title
  TEXT NOT NULL, description TEXT, location TEXT, remediation TEXT, scanner TEXT NOT NULL, tags
  TEXT, rule_id TEXT, line_number INTEGER, schema_version INTEGER, content_hash TEXT, generation
  INTEGER, binary_version TEXT, agent_id TEXT, sidecar_instance_id TEXT, FOREIGN KEY (scan_id)
  REFERENCES scan_results(id) );
CREATE TABLE actions ( id TEXT PRIMARY KEY, target_type TEXT NOT NULL, target_name TEXT NOT NULL,
  source_path TEXT, actions_json TEXT NOT NULL DEFAULT '{}', reason TEXT, updated_at DATETIME NOT
  NULL, connector TEXT NOT NULL DEFAULT '' , schema_version INTEGER, content_hash TEXT, generation
  INTEGER, binary_version TEXT, sidecar_instance_id TEXT);
CREATE TABLE network_egress_events ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, session_id
  TEXT, hostname TEXT NOT NULL, url TEXT, http_method TEXT, protocol TEXT, policy_outcome TEXT NOT
  NULL, decision_code TEXT, blocked INTEGER NOT NULL DEFAULT 0, severity TEXT NOT NULL DEFAULT
  'INFO', details TEXT , schema_version INTEGER, content_hash TEXT, generation INTEGER,
  binary_version TEXT, sidecar_instance_id TEXT, connector TEXT, agent_id TEXT, agent_lifecycle_id
  TEXT, agent_execution_id TEXT, user_id TEXT, tool_id TEXT, root_agent_id TEXT, parent_agent_id
  TEXT, root_session_id TEXT);
CREATE TABLE target_snapshots ( id TEXT PRIMARY KEY, target_type TEXT NOT NULL, target_path TEXT
  NOT NULL, content_hash TEXT NOT NULL, dependency_hashes TEXT, config_hashes TEXT,
  network_endpoints TEXT, scan_id TEXT, captured_at DATETIME NOT NULL, schema_version INTEGER,
  generation INTEGER, binary_version TEXT, sidecar_instance_id TEXT, scanner_fingerprint TEXT NOT
  NULL DEFAULT '', UNIQUE(target_type, target_path) );
CREATE TABLE activity_events ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, actor TEXT NOT
  NULL, action TEXT NOT NULL, target_type TEXT NOT NULL, target_id TEXT NOT NULL, reason TEXT,
  before_json TEXT, after_json TEXT, diff_json TEXT, version_from TEXT, version_to TEXT, request_id
  TEXT, trace_id TEXT, run_id TEXT, schema_version INTEGER, content_hash TEXT, generation INTEGER,
  binary_version TEXT, agent_id TEXT, sidecar_instance_id TEXT );
CREATE TABLE sink_health ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, sink_name TEXT NOT
  NULL, sink_kind TEXT NOT NULL, outcome TEXT NOT NULL, status_code INTEGER, latency_ms INTEGER,
  batch_size INTEGER, error TEXT, queue_depth INTEGER, dropped_count INTEGER, schema_version
  INTEGER, content_hash TEXT, generation INTEGER, binary_version TEXT, sidecar_instance_id TEXT );
CREATE TABLE schema_version ( version INTEGER PRIMARY KEY, applied_at DATETIME NOT NULL );
CREATE TABLE judge_responses ( id TEXT PRIMARY KEY, timestamp DATETIME NOT NULL, kind TEXT NOT
  NULL, direction TEXT, model TEXT, action TEXT, severity TEXT, latency_ms INTEGER, parse_error
  TEXT, raw_response TEXT NOT NULL , request_id TEXT, trace_id TEXT, run_id TEXT, input_hash TEXT,
  confidence REAL, fail_closed_applied INTEGER NOT NULL DEFAULT 0, inspected_model TEXT,
  prompt_template_id TEXT, schema_version INTEGER, content_hash TEXT, generation INTEGER,
  binary_version TEXT, agent_id TEXT, sidecar_instance_id TEXT, session_id TEXT, agent_instance_id
  TEXT, policy_id TEXT, destination_app TEXT, tool_name TEXT, tool_id TEXT);
CREATE TABLE scan_findings ( id TEXT PRIMARY KEY, scan_id TEXT NOT NULL, scanner TEXT NOT NULL,
  target TEXT NOT NULL, rule_id TEXT, category TEXT, severity TEXT NOT NULL, title TEXT,
  description TEXT, location TEXT, line_number INTEGER, remediation TEXT, tags TEXT, timestamp
  DATETIME NOT NULL, run_id TEXT, request_id TEXT, session_id TEXT, agent_id TEXT,
  agent_instance_id TEXT, sidecar_instance_id TEXT, schema_version INTEGER, content_hash TEXT,
  generation INTEGER, binary_version TEXT , data_axis TEXT, tool_capability_class TEXT,
  content_fingerprint TEXT, external_endpoint TEXT, turn_id INTEGER, decision_path TEXT, confidence
  REAL, evaluation_id TEXT);
CREATE INDEX idx_audit_timestamp ON audit_events(timestamp);
CREATE INDEX idx_audit_action ON audit_events(action);
CREATE INDEX idx_audit_action_timestamp ON audit_events(action, timestamp DESC);
CREATE INDEX idx_audit_severity_timestamp ON audit_events(severity, timestamp);
CREATE INDEX idx_scan_scanner ON scan_results(scanner);
CREATE INDEX idx_scan_timestamp ON scan_results(timestamp);
CREATE INDEX idx_finding_severity ON findings(severity);
CREATE INDEX idx_finding_scan ON findings(scan_id);
CREATE INDEX idx_egress_timestamp ON network_egress_events(timestamp);
CREATE INDEX idx_egress_hostname ON network_egress_events(hostname);
CREATE INDEX idx_egress_blocked ON network_egress_events(blocked);
CREATE INDEX idx_egress_session ON network_egress_events(session_id);
CREATE INDEX idx_snapshots_target ON target_snapshots(target_type, target_path);
CREATE INDEX idx_audit_run_id ON audit_events(run_id);
CREATE INDEX idx_scan_run_id ON scan_results(run_id);
CREATE INDEX idx_audit_connector ON audit_events(connector);
CREATE INDEX idx_audit_action_connector_timestamp ON audit_events(action, connector, timestamp
  DESC);
CREATE UNIQUE INDEX idx_actions_type_name_conn ON actions(target_type, target_name, connector);
CREATE INDEX idx_activity_timestamp ON activity_events(timestamp);
CREATE INDEX idx_activity_actor ON activity_events(actor);
CREATE INDEX idx_activity_action ON activity_events(action);
CREATE INDEX idx_activity_target ON activity_events(target_type, target_id);
CREATE INDEX idx_activity_generation ON activity_events(generation);
CREATE INDEX idx_sink_health_timestamp ON sink_health(timestamp);
CREATE INDEX idx_sink_health_sink ON sink_health(sink_name);
CREATE INDEX idx_sink_health_outcome ON sink_health(outcome);
CREATE INDEX idx_judge_timestamp ON judge_responses(timestamp);
CREATE INDEX idx_judge_kind ON judge_responses(kind);
CREATE INDEX idx_judge_severity ON judge_responses(severity);
CREATE INDEX idx_audit_trace_id ON audit_events(trace_id);
CREATE INDEX idx_audit_request_id ON audit_events(request_id);
CREATE INDEX idx_judge_request_id ON judge_responses(request_id);
CREATE INDEX idx_judge_trace_id ON judge_responses(trace_id);
CREATE INDEX idx_judge_run_id ON judge_responses(run_id);
CREATE INDEX idx_audit_session_id ON audit_events(session_id);
CREATE INDEX idx_audit_agent_instance_id ON audit_events(agent_instance_id);
CREATE INDEX idx_audit_policy_id ON audit_events(policy_id);
CREATE INDEX idx_audit_tool_name ON audit_events(tool_name);
CREATE INDEX idx_audit_agent_id ON audit_events(agent_id);
CREATE INDEX idx_audit_generation ON audit_events(generation);
CREATE INDEX idx_audit_sidecar_instance_id ON audit_events(sidecar_instance_id);
CREATE INDEX idx_scan_findings_scan_id ON scan_findings(scan_id);
CREATE INDEX idx_scan_findings_scanner ON scan_findings(scanner);
CREATE INDEX idx_scan_findings_severity ON scan_findings(severity);
CREATE INDEX idx_scan_findings_rule_id ON scan_findings(rule_id);
CREATE INDEX idx_scan_findings_timestamp ON scan_findings(timestamp);
CREATE INDEX idx_scan_findings_agent_id ON scan_findings(agent_id);
CREATE INDEX idx_scan_agent_id ON scan_results(agent_id);
CREATE INDEX idx_scan_generation ON scan_results(generation);
CREATE INDEX idx_findings_agent_id ON findings(agent_id);
CREATE INDEX idx_scan_findings_session_turn ON scan_findings(session_id, agent_instance_id,
  turn_id);
CREATE INDEX idx_scan_findings_evaluation_id ON scan_findings(evaluation_id);
CREATE INDEX idx_scan_results_evaluation_id ON scan_results(evaluation_id);
CREATE INDEX idx_egress_agent ON network_egress_events(agent_id);
CREATE INDEX idx_egress_lifecycle ON network_egress_events(agent_lifecycle_id);
CREATE INDEX idx_egress_user ON network_egress_events(user_id);
CREATE INDEX idx_egress_root_agent ON network_egress_events(root_agent_id);
