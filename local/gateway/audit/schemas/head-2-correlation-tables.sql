-- audit.db as DefenseClaw HEAD makes it: tables of event correlation.
CREATE TABLE correlation_connector_instances ( connector_instance_id TEXT PRIMARY KEY CHECK
  (length(connector_instance_id) = 36), connector TEXT NOT NULL CHECK (length(connector) BETWEEN 1
  AND 64), export_custody TEXT NOT NULL CHECK (export_custody IN
  ('defenseclaw','external','hook_only')), profile_version TEXT NOT NULL CHECK
  (length(profile_version) BETWEEN 1 AND 128), managed_config_digest TEXT CHECK
  (managed_config_digest IS NULL OR (length(managed_config_digest) = 64 AND managed_config_digest
  NOT GLOB '*[^0-9a-f]*')), is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
  created_time_unix_nano INTEGER NOT NULL CHECK (created_time_unix_nano > 0),
  updated_time_unix_nano INTEGER NOT NULL CHECK (updated_time_unix_nano >= created_time_unix_nano)
  );
CREATE TABLE correlation_events ( semantic_event_id TEXT PRIMARY KEY CHECK
  (length(semantic_event_id) = 36), logical_group_id TEXT NOT NULL CHECK (length(logical_group_id)
  = 36), connector TEXT NOT NULL CHECK (length(connector) BETWEEN 1 AND 64), connector_instance_id
  TEXT NOT NULL CHECK (length(connector_instance_id) = 36), source_rail TEXT NOT NULL CHECK
  (source_rail IN ('hook','native_otlp','proxy','stream','internal')), event_name TEXT NOT NULL
  CHECK (length(event_name) BETWEEN 1 AND 128), source_time_unix_nano INTEGER CHECK
  (source_time_unix_nano IS NULL OR source_time_unix_nano > 0), received_time_unix_nano INTEGER NOT
  NULL CHECK (received_time_unix_nano > 0), source_event_digest TEXT CHECK (source_event_digest IS
  NULL OR (length(source_event_digest) = 64 AND source_event_digest NOT GLOB '*[^0-9a-f]*')),
  fingerprint_sha256 TEXT CHECK (fingerprint_sha256 IS NULL OR (length(fingerprint_sha256) = 64 AND
  fingerprint_sha256 NOT GLOB '*[^0-9a-f]*')), first_request_id TEXT CHECK (first_request_id IS
  NULL OR length(first_request_id) BETWEEN 1 AND 512), first_record_id TEXT CHECK (first_record_id
  IS NULL OR length(first_record_id) BETWEEN 1 AND 512), profile_version TEXT NOT NULL CHECK
  (length(profile_version) BETWEEN 1 AND 128), completeness TEXT NOT NULL CHECK (completeness IN
  ('complete','partial','unknown')), FOREIGN KEY (connector_instance_id) REFERENCES
  correlation_connector_instances(connector_instance_id) ON DELETE RESTRICT );
CREATE TABLE correlation_identifiers ( identifier_id TEXT PRIMARY KEY CHECK (length(identifier_id)
  = 67 AND substr(identifier_id, 1, 3) = 'id_'), semantic_event_id TEXT NOT NULL,
  connector_instance_id TEXT NOT NULL CHECK (length(connector_instance_id) = 36), namespace TEXT
  NOT NULL CHECK (length(namespace) BETWEEN 1 AND 128), identifier_kind TEXT NOT NULL CHECK
  (identifier_kind IN ( 'source_event', 'source_sequence', 'source_timestamp', 'message', 'thread',
  'prompt', 'step', 'session', 'root_session', 'parent_session', 'child_session', 'turn', 'agent',
  'root_agent', 'parent_agent', 'child_agent', 'lifecycle', 'execution', 'model_request',
  'model_response', 'action', 'tool_invocation', 'trace', 'span')), value_digest TEXT NOT NULL
  CHECK (length(value_digest) = 64 AND value_digest NOT GLOB '*[^0-9a-f]*'), normalized_value TEXT
  NOT NULL CHECK (length(normalized_value) BETWEEN 1 AND 512), source_field TEXT NOT NULL CHECK
  (length(source_field) BETWEEN 1 AND 128), origin TEXT NOT NULL CHECK (origin IN
  ('reported','defenseclaw_minted','derived','trace_exact')), profile_version TEXT NOT NULL CHECK
  (length(profile_version) BETWEEN 1 AND 128), created_time_unix_nano INTEGER NOT NULL CHECK
  (created_time_unix_nano > 0), last_seen_time_unix_nano INTEGER NOT NULL CHECK
  (last_seen_time_unix_nano >= created_time_unix_nano), FOREIGN KEY (semantic_event_id) REFERENCES
  correlation_events(semantic_event_id) ON DELETE CASCADE, FOREIGN KEY (connector_instance_id)
  REFERENCES correlation_connector_instances(connector_instance_id) ON DELETE RESTRICT, UNIQUE
  (connector_instance_id, namespace, identifier_kind, value_digest, semantic_event_id) );
CREATE TABLE correlation_observations ( record_id TEXT PRIMARY KEY CHECK (length(record_id) BETWEEN
  1 AND 512), semantic_event_id TEXT NOT NULL, signal TEXT NOT NULL CHECK (signal IN
  ('logs','traces','metrics')), bucket TEXT NOT NULL CHECK (length(bucket) BETWEEN 1 AND 64),
  event_name TEXT NOT NULL CHECK (length(event_name) BETWEEN 1 AND 128), observed_time_unix_nano
  INTEGER NOT NULL CHECK (observed_time_unix_nano > 0), trace_id TEXT CHECK (trace_id IS NULL OR
  (length(trace_id) = 32 AND trace_id NOT GLOB '*[^0-9a-f]*')), span_id TEXT CHECK (span_id IS NULL
  OR (length(span_id) = 16 AND span_id NOT GLOB '*[^0-9a-f]*')), session_id TEXT CHECK (session_id
  IS NULL OR length(session_id) BETWEEN 1 AND 512), turn_id TEXT CHECK (turn_id IS NULL OR
  length(turn_id) BETWEEN 1 AND 512), agent_id TEXT CHECK (agent_id IS NULL OR length(agent_id)
  BETWEEN 1 AND 512), lifecycle_id TEXT CHECK (lifecycle_id IS NULL OR length(lifecycle_id) BETWEEN
  1 AND 512), execution_id TEXT CHECK (execution_id IS NULL OR length(execution_id) BETWEEN 1 AND
  512), model_request_id TEXT CHECK (model_request_id IS NULL OR length(model_request_id) BETWEEN 1
  AND 512), model_response_id TEXT CHECK (model_response_id IS NULL OR length(model_response_id)
  BETWEEN 1 AND 512), tool_invocation_id TEXT CHECK (tool_invocation_id IS NULL OR
  length(tool_invocation_id) BETWEEN 1 AND 512), projection_hash TEXT CHECK (projection_hash IS
  NULL OR length(projection_hash) BETWEEN 64 AND 71), status TEXT NOT NULL CHECK (status IN
  ('constructed','export_eligible')), FOREIGN KEY (semantic_event_id) REFERENCES
  correlation_events(semantic_event_id) ON DELETE CASCADE );
CREATE TABLE correlation_relationships ( relationship_id TEXT PRIMARY KEY CHECK
  (length(relationship_id) = 68 AND substr(relationship_id, 1, 4) = 'rel_'), from_kind TEXT NOT
  NULL CHECK (from_kind IN ( 'semantic_event', 'logical_event', 'record', 'session', 'turn',
  'agent', 'lifecycle', 'execution', 'model_request', 'model_response', 'tool_invocation', 'trace',
  'span')), from_id TEXT NOT NULL CHECK (length(from_id) BETWEEN 1 AND 512), to_kind TEXT NOT NULL
  CHECK (to_kind IN ( 'semantic_event', 'logical_event', 'record', 'session', 'turn', 'agent',
  'lifecycle', 'execution', 'model_request', 'model_response', 'tool_invocation', 'trace',
  'span')), to_id TEXT NOT NULL CHECK (length(to_id) BETWEEN 1 AND 512), relationship_type TEXT NOT
  NULL CHECK (relationship_type IN ( 'same_as', 'duplicate_of', 'belongs_to', 'parent_of',
  'delegated_by', 'caused_by', 'invokes', 'responds_to', 'resumes', 'correlates_with')), method
  TEXT NOT NULL CHECK (method IN ('reported','trace_exact','derived','inferred')), confidence
  INTEGER NOT NULL CHECK ( (method IN ('reported','trace_exact') AND confidence = 100) OR (method =
  'derived' AND confidence = 95) OR (method = 'inferred' AND confidence = 50)), rule_id TEXT NOT
  NULL CHECK (length(rule_id) BETWEEN 1 AND 128), rule_version TEXT NOT NULL CHECK
  (length(rule_version) BETWEEN 1 AND 128), status TEXT NOT NULL CHECK (status IN
  ('active','candidate','superseded','rejected','conflicted')), created_time_unix_nano INTEGER NOT
  NULL CHECK (created_time_unix_nano > 0), last_seen_time_unix_nano INTEGER NOT NULL CHECK
  (last_seen_time_unix_nano >= created_time_unix_nano), UNIQUE (from_kind, from_id, to_kind, to_id,
  relationship_type, method, rule_id, rule_version) );
CREATE TABLE correlation_relationship_evidence ( evidence_id TEXT PRIMARY KEY CHECK
  (length(evidence_id) = 67 AND substr(evidence_id, 1, 3) = 'ev_'), relationship_id TEXT NOT NULL,
  evidence_record_id TEXT, semantic_event_id TEXT, evidence_role TEXT NOT NULL CHECK (evidence_role
  IN ('source','target','corroborating','conflicting')), integrity_state TEXT NOT NULL CHECK
  (integrity_state IN ('verified','unverified','failed')), created_time_unix_nano INTEGER NOT NULL
  CHECK (created_time_unix_nano > 0), CHECK ((evidence_record_id IS NULL) <> (semantic_event_id IS
  NULL)), FOREIGN KEY (relationship_id) REFERENCES correlation_relationships(relationship_id) ON
  DELETE CASCADE, FOREIGN KEY (evidence_record_id) REFERENCES correlation_observations(record_id)
  ON DELETE CASCADE, FOREIGN KEY (semantic_event_id) REFERENCES
  correlation_events(semantic_event_id) ON DELETE CASCADE );
CREATE TABLE correlation_cursors ( connector_instance_id TEXT NOT NULL CHECK
  (length(connector_instance_id) = 36), session_id TEXT NOT NULL CHECK (length(session_id) BETWEEN
  1 AND 512), agent_id TEXT NOT NULL CHECK (length(agent_id) BETWEEN 1 AND 512), lifecycle_id TEXT
  CHECK (lifecycle_id IS NULL OR length(lifecycle_id) BETWEEN 1 AND 512), execution_id TEXT CHECK
  (execution_id IS NULL OR length(execution_id) BETWEEN 1 AND 512), active_turn_id TEXT CHECK
  (active_turn_id IS NULL OR length(active_turn_id) BETWEEN 1 AND 512), active_prompt_id TEXT CHECK
  (active_prompt_id IS NULL OR length(active_prompt_id) BETWEEN 1 AND 512), phase TEXT NOT NULL
  CHECK (length(phase) BETWEEN 1 AND 64), sequence INTEGER NOT NULL CHECK (sequence >= 0),
  root_agent_id TEXT CHECK (root_agent_id IS NULL OR length(root_agent_id) BETWEEN 1 AND 512),
  parent_agent_id TEXT CHECK (parent_agent_id IS NULL OR length(parent_agent_id) BETWEEN 1 AND
  512), root_session_id TEXT CHECK (root_session_id IS NULL OR length(root_session_id) BETWEEN 1
  AND 512), parent_session_id TEXT CHECK (parent_session_id IS NULL OR length(parent_session_id)
  BETWEEN 1 AND 512), last_semantic_event_id TEXT, last_record_id TEXT CHECK (last_record_id IS
  NULL OR length(last_record_id) BETWEEN 1 AND 512), profile_version TEXT NOT NULL CHECK
  (length(profile_version) BETWEEN 1 AND 128), active INTEGER NOT NULL CHECK (active IN (0, 1)),
  updated_time_unix_nano INTEGER NOT NULL CHECK (updated_time_unix_nano > 0), PRIMARY KEY
  (connector_instance_id, session_id, agent_id), FOREIGN KEY (last_semantic_event_id) REFERENCES
  correlation_events(semantic_event_id) ON DELETE RESTRICT );
CREATE TABLE correlation_pending_operations ( connector_instance_id TEXT NOT NULL CHECK
  (length(connector_instance_id) = 36), operation_namespace TEXT NOT NULL CHECK
  (length(operation_namespace) BETWEEN 1 AND 128), operation_kind TEXT NOT NULL CHECK
  (operation_kind IN ( 'prompt', 'model_request', 'tool_invocation', 'action')), operation_id TEXT
  NOT NULL CHECK (length(operation_id) BETWEEN 1 AND 512), operation_type TEXT NOT NULL CHECK
  (operation_type IN ('model','tool')), scope_kind TEXT NOT NULL CHECK (scope_kind IN (
  'connector_instance', 'session', 'thread', 'turn', 'execution')), scope_id TEXT NOT NULL CHECK
  (length(scope_id) BETWEEN 1 AND 512), operation_name TEXT CHECK (operation_name IS NULL OR
  length(operation_name) BETWEEN 1 AND 256), session_id TEXT CHECK (session_id IS NULL OR
  length(session_id) BETWEEN 1 AND 512), turn_id TEXT CHECK (turn_id IS NULL OR length(turn_id)
  BETWEEN 1 AND 512), agent_id TEXT CHECK (agent_id IS NULL OR length(agent_id) BETWEEN 1 AND 512),
  execution_id TEXT CHECK (execution_id IS NULL OR length(execution_id) BETWEEN 1 AND 512),
  start_semantic_event_id TEXT NOT NULL, start_time_unix_nano INTEGER NOT NULL CHECK
  (start_time_unix_nano > 0), input_digest TEXT CHECK (input_digest IS NULL OR
  (length(input_digest) = 64 AND input_digest NOT GLOB '*[^0-9a-f]*')), terminal_semantic_event_id
  TEXT, terminal_time_unix_nano INTEGER CHECK (terminal_time_unix_nano IS NULL OR
  terminal_time_unix_nano > 0), status TEXT NOT NULL CHECK (status IN
  ('active','completed','failed','cancelled','unresolved')), updated_time_unix_nano INTEGER NOT
  NULL CHECK (updated_time_unix_nano > 0), CHECK ((status = 'active' AND terminal_semantic_event_id
  IS NULL AND terminal_time_unix_nano IS NULL) OR (status <> 'active' AND
  terminal_semantic_event_id IS NOT NULL AND terminal_time_unix_nano IS NOT NULL)), PRIMARY KEY
  (connector_instance_id, operation_namespace, operation_kind, operation_id, operation_type,
  scope_kind, scope_id), FOREIGN KEY (start_semantic_event_id) REFERENCES
  correlation_events(semantic_event_id) ON DELETE RESTRICT, FOREIGN KEY
  (terminal_semantic_event_id) REFERENCES correlation_events(semantic_event_id) ON DELETE RESTRICT
  );
CREATE TABLE correlation_identity_claims ( connector_instance_id TEXT NOT NULL CHECK
  (length(connector_instance_id) = 36), namespace TEXT NOT NULL CHECK (length(namespace) BETWEEN 1
  AND 128), identifier_kind TEXT NOT NULL CHECK (identifier_kind IN ( 'source_event',
  'model_request', 'model_response', 'tool_invocation')), value_digest TEXT NOT NULL CHECK
  (length(value_digest) = 64 AND value_digest NOT GLOB '*[^0-9a-f]*'), event_name TEXT NOT NULL
  CHECK (length(event_name) BETWEEN 1 AND 128), rail_a TEXT NOT NULL CHECK (rail_a IN
  ('hook','native_otlp','proxy','stream')), rail_b TEXT NOT NULL CHECK (rail_b IN
  ('hook','native_otlp','proxy','stream')), rule_id TEXT NOT NULL CHECK (length(rule_id) BETWEEN 1
  AND 128), rule_version TEXT NOT NULL CHECK (length(rule_version) BETWEEN 1 AND 128), source_rail
  TEXT NOT NULL CHECK (source_rail IN ('hook','native_otlp','proxy','stream')), semantic_event_id
  TEXT NOT NULL CHECK (length(semantic_event_id) = 36), logical_group_id TEXT NOT NULL CHECK
  (length(logical_group_id) = 36), created_time_unix_nano INTEGER NOT NULL CHECK
  (created_time_unix_nano > 0), CHECK (rail_a < rail_b), CHECK (source_rail = rail_a OR source_rail
  = rail_b), PRIMARY KEY (connector_instance_id, namespace, identifier_kind, value_digest,
  event_name, rail_a, rail_b, rule_id, rule_version, source_rail), FOREIGN KEY
  (connector_instance_id) REFERENCES correlation_connector_instances(connector_instance_id) ON
  DELETE RESTRICT, FOREIGN KEY (semantic_event_id) REFERENCES correlation_events(semantic_event_id)
  ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED );
CREATE TABLE correlation_receipts ( connector_instance_id TEXT NOT NULL CHECK
  (length(connector_instance_id) = 36), source_key_digest TEXT NOT NULL CHECK
  (length(source_key_digest) = 64 AND source_key_digest NOT GLOB '*[^0-9a-f]*'), fingerprint_sha256
  TEXT NOT NULL CHECK (length(fingerprint_sha256) = 64 AND fingerprint_sha256 NOT GLOB
  '*[^0-9a-f]*'), semantic_event_id TEXT NOT NULL, conflicts_with_semantic_event_id TEXT,
  first_received_time_unix_nano INTEGER NOT NULL CHECK (first_received_time_unix_nano > 0),
  last_received_time_unix_nano INTEGER NOT NULL CHECK (last_received_time_unix_nano >=
  first_received_time_unix_nano), delivery_count INTEGER NOT NULL CHECK (delivery_count > 0),
  accepted_time_unix_nano INTEGER CHECK (accepted_time_unix_nano IS NULL OR accepted_time_unix_nano
  >= first_received_time_unix_nano), expires_time_unix_nano INTEGER NOT NULL CHECK
  (expires_time_unix_nano >= last_received_time_unix_nano), PRIMARY KEY (connector_instance_id,
  source_key_digest, fingerprint_sha256), FOREIGN KEY (semantic_event_id) REFERENCES
  correlation_events(semantic_event_id) ON DELETE RESTRICT, FOREIGN KEY
  (conflicts_with_semantic_event_id) REFERENCES correlation_events(semantic_event_id) ON DELETE
  RESTRICT );
CREATE TABLE runtime_asset_state ( connector TEXT NOT NULL, session_id TEXT NOT NULL DEFAULT '',
  target_type TEXT NOT NULL, target_name TEXT NOT NULL, source_path TEXT NOT NULL DEFAULT '',
  runtime_surface TEXT NOT NULL, hook_event TEXT NOT NULL, provenance TEXT NOT NULL, state TEXT NOT
  NULL, first_observed_at DATETIME NOT NULL, last_observed_at DATETIME NOT NULL, PRIMARY KEY
  (connector, session_id, target_type, target_name) );
CREATE TABLE guardrail_chain_partitions ( connector_instance_id TEXT NOT NULL CHECK
  (length(connector_instance_id) = 36), session_value_digest TEXT NOT NULL CHECK
  (length(session_value_digest) = 64 AND session_value_digest NOT GLOB '*[^0-9a-f]*'),
  active_ruleset_fingerprint TEXT NOT NULL CHECK (length(active_ruleset_fingerprint) = 64 AND
  active_ruleset_fingerprint NOT GLOB '*[^0-9a-f]*'), next_sequence INTEGER NOT NULL CHECK
  (next_sequence >= 1), updated_time_unix_nano INTEGER NOT NULL CHECK (updated_time_unix_nano > 0),
  PRIMARY KEY (connector_instance_id, session_value_digest), FOREIGN KEY (connector_instance_id)
  REFERENCES correlation_connector_instances(connector_instance_id) ON DELETE RESTRICT ) WITHOUT
  ROWID;
CREATE TABLE guardrail_chain_events ( semantic_event_id TEXT PRIMARY KEY CHECK
  (length(semantic_event_id) = 36), connector_instance_id TEXT NOT NULL CHECK
  (length(connector_instance_id) = 36), session_value_digest TEXT NOT NULL CHECK
  (length(session_value_digest) = 64 AND session_value_digest NOT GLOB '*[^0-9a-f]*'), sequence
  INTEGER NOT NULL CHECK (sequence >= 1), received_time_unix_nano INTEGER NOT NULL CHECK
  (received_time_unix_nano > 0), input_fingerprint TEXT NOT NULL CHECK (length(input_fingerprint) =
  64 AND input_fingerprint NOT GLOB '*[^0-9a-f]*'), projection_fingerprint TEXT NOT NULL CHECK
  (length(projection_fingerprint) = 64 AND projection_fingerprint NOT GLOB '*[^0-9a-f]*'),
  ruleset_fingerprint TEXT NOT NULL CHECK (length(ruleset_fingerprint) = 64 AND ruleset_fingerprint
  NOT GLOB '*[^0-9a-f]*'), parse_status TEXT NOT NULL CHECK (parse_status IN ( 'not_applicable',
  'complete', 'partial', 'unsupported', 'invalid', 'limit_exceeded', 'ambiguous')),
  detection_step_mask INTEGER NOT NULL CHECK (detection_step_mask BETWEEN 0 AND 4095),
  enforcement_step_mask INTEGER NOT NULL CHECK (enforcement_step_mask BETWEEN 0 AND 4095 AND
  (enforcement_step_mask & ~detection_step_mask) = 0), detected_chain_mask INTEGER NOT NULL CHECK
  (detected_chain_mask BETWEEN 0 AND 63), enforcement_safe_chain_mask INTEGER NOT NULL CHECK
  (enforcement_safe_chain_mask BETWEEN 0 AND 63 AND (enforcement_safe_chain_mask &
  ~detected_chain_mask) = 0), denied_chain_mask INTEGER NOT NULL CHECK (denied_chain_mask BETWEEN 0
  AND 63 AND (denied_chain_mask & ~enforcement_safe_chain_mask) = 0), stable_action_id TEXT CHECK (
  (denied_chain_mask = 0 AND stable_action_id IS NULL) OR (denied_chain_mask <> 0 AND
  length(stable_action_id) = 68 AND substr(stable_action_id, 1, 4) = 'gca_' AND
  substr(stable_action_id, 5) NOT GLOB '*[^0-9a-f]*')), UNIQUE (connector_instance_id,
  session_value_digest, sequence), FOREIGN KEY (semantic_event_id) REFERENCES
  correlation_events(semantic_event_id) ON DELETE RESTRICT, FOREIGN KEY (connector_instance_id,
  session_value_digest) REFERENCES guardrail_chain_partitions(connector_instance_id,
  session_value_digest) ON DELETE CASCADE );
CREATE TABLE guardrail_chain_deny_receipts ( receipt_id TEXT PRIMARY KEY CHECK ( length(receipt_id)
  = 68 AND substr(receipt_id, 1, 4) = 'gcr_' AND substr(receipt_id, 5) NOT GLOB '*[^0-9a-f]*'),
  final_semantic_event_id TEXT NOT NULL CHECK (length(final_semantic_event_id) = 36),
  predecessor_semantic_event_id TEXT NOT NULL CHECK (length(predecessor_semantic_event_id) = 36),
  connector_instance_id TEXT NOT NULL CHECK (length(connector_instance_id) = 36),
  session_value_digest TEXT NOT NULL CHECK (length(session_value_digest) = 64 AND
  session_value_digest NOT GLOB '*[^0-9a-f]*'), input_fingerprint TEXT NOT NULL CHECK
  (length(input_fingerprint) = 64 AND input_fingerprint NOT GLOB '*[^0-9a-f]*'),
  ruleset_fingerprint TEXT NOT NULL CHECK (length(ruleset_fingerprint) = 64 AND ruleset_fingerprint
  NOT GLOB '*[^0-9a-f]*'), chain_fingerprint TEXT NOT NULL CHECK (length(chain_fingerprint) = 64
  AND chain_fingerprint NOT GLOB '*[^0-9a-f]*'), chain_id TEXT NOT NULL CHECK (chain_id IN (
  'chain.guardrails_off_then_egress', 'chain.permission_denied_then_runtime_bypass',
  'chain.privilege_discovery_then_elevation', 'chain.secret_manager_read_then_egress',
  'chain.secret_read_then_egress', 'chain.workload_identity_then_lateral_execution')),
  chain_version TEXT NOT NULL CHECK (length(chain_version) BETWEEN 1 AND 16), detected_chain_mask
  INTEGER NOT NULL CHECK (detected_chain_mask BETWEEN 0 AND 63), enforcement_safe_chain_mask
  INTEGER NOT NULL CHECK (enforcement_safe_chain_mask BETWEEN 0 AND 63 AND
  (enforcement_safe_chain_mask & ~detected_chain_mask) = 0), denied_chain_mask INTEGER NOT NULL
  CHECK (denied_chain_mask BETWEEN 1 AND 63 AND (denied_chain_mask & ~enforcement_safe_chain_mask)
  = 0), stable_action_id TEXT NOT NULL CHECK ( length(stable_action_id) = 68 AND
  substr(stable_action_id, 1, 4) = 'gca_' AND substr(stable_action_id, 5) NOT GLOB '*[^0-9a-f]*'),
  severity TEXT NOT NULL CHECK (severity = 'HIGH'), delivery_count INTEGER NOT NULL CHECK
  (delivery_count >= 1), first_observed_time_unix_nano INTEGER NOT NULL CHECK
  (first_observed_time_unix_nano > 0), last_observed_time_unix_nano INTEGER NOT NULL CHECK
  (last_observed_time_unix_nano >= first_observed_time_unix_nano), expires_time_unix_nano INTEGER
  NOT NULL CHECK (expires_time_unix_nano >= last_observed_time_unix_nano), evaluation_id TEXT CHECK
  ( evaluation_id IS NULL OR length(evaluation_id) BETWEEN 1 AND 512), audit_event_id TEXT CHECK (
  audit_event_id IS NULL OR length(audit_event_id) BETWEEN 1 AND 512), UNIQUE
  (final_semantic_event_id, input_fingerprint, chain_id) );
CREATE TABLE guardrail_chain_pending_actions ( connector_instance_id TEXT NOT NULL CHECK
  (length(connector_instance_id) = 36), tool_invocation_digest TEXT NOT NULL CHECK
  (length(tool_invocation_digest) = 64 AND tool_invocation_digest NOT GLOB '*[^0-9a-f]*'),
  session_value_digest TEXT NOT NULL CHECK (length(session_value_digest) = 64 AND
  session_value_digest NOT GLOB '*[^0-9a-f]*'), pre_semantic_event_id TEXT NOT NULL CHECK
  (length(pre_semantic_event_id) = 36), pre_input_fingerprint TEXT NOT NULL CHECK
  (length(pre_input_fingerprint) = 64 AND pre_input_fingerprint NOT GLOB '*[^0-9a-f]*'),
  projection_fingerprint TEXT NOT NULL CHECK (length(projection_fingerprint) = 64 AND
  projection_fingerprint NOT GLOB '*[^0-9a-f]*'), ruleset_fingerprint TEXT NOT NULL CHECK
  (length(ruleset_fingerprint) = 64 AND ruleset_fingerprint NOT GLOB '*[^0-9a-f]*'), parse_status
  TEXT NOT NULL CHECK (parse_status IN ( 'not_applicable', 'complete', 'partial', 'unsupported',
  'invalid', 'limit_exceeded', 'ambiguous')), detection_step_mask INTEGER NOT NULL CHECK
  (detection_step_mask BETWEEN 0 AND 1365 AND (detection_step_mask & ~1365) = 0),
  enforcement_step_mask INTEGER NOT NULL CHECK (enforcement_step_mask BETWEEN 0 AND 1365 AND
  (enforcement_step_mask & ~detection_step_mask) = 0), prepared_time_unix_nano INTEGER NOT NULL
  CHECK (prepared_time_unix_nano > 0), expires_time_unix_nano INTEGER NOT NULL CHECK
  (expires_time_unix_nano > prepared_time_unix_nano), PRIMARY KEY (connector_instance_id,
  session_value_digest, tool_invocation_digest), FOREIGN KEY (connector_instance_id) REFERENCES
  correlation_connector_instances(connector_instance_id) ON DELETE CASCADE, FOREIGN KEY
  (pre_semantic_event_id) REFERENCES correlation_events(semantic_event_id) ON DELETE CASCADE )
  WITHOUT ROWID;
CREATE TABLE guardrail_chain_pending_boundaries ( connector_instance_id TEXT NOT NULL CHECK
  (length(connector_instance_id) = 36), session_value_digest TEXT NOT NULL CHECK
  (length(session_value_digest) = 64 AND session_value_digest NOT GLOB '*[^0-9a-f]*'),
  boundary_semantic_event_id TEXT NOT NULL CHECK (length(boundary_semantic_event_id) = 36),
  boundary_input_fingerprint TEXT NOT NULL CHECK (length(boundary_input_fingerprint) = 64 AND
  boundary_input_fingerprint NOT GLOB '*[^0-9a-f]*'), cutoff_received_time_unix_nano INTEGER NOT
  NULL CHECK (cutoff_received_time_unix_nano > 0), discard_time_unix_nano INTEGER NOT NULL CHECK
  (discard_time_unix_nano > 0), expires_time_unix_nano INTEGER NOT NULL CHECK
  (expires_time_unix_nano > discard_time_unix_nano), PRIMARY KEY (connector_instance_id,
  session_value_digest), FOREIGN KEY (connector_instance_id) REFERENCES
  correlation_connector_instances(connector_instance_id) ON DELETE CASCADE, FOREIGN KEY
  (boundary_semantic_event_id) REFERENCES correlation_events(semantic_event_id) ON DELETE CASCADE )
  WITHOUT ROWID;
CREATE TABLE guardrail_chain_terminal_resets ( connector_instance_id TEXT NOT NULL CHECK
  (length(connector_instance_id) = 36), session_value_digest TEXT NOT NULL CHECK
  (length(session_value_digest) = 64 AND session_value_digest NOT GLOB '*[^0-9a-f]*'),
  terminal_semantic_event_id TEXT NOT NULL CHECK (length(terminal_semantic_event_id) = 36),
  terminal_input_fingerprint TEXT NOT NULL CHECK (length(terminal_input_fingerprint) = 64 AND
  terminal_input_fingerprint NOT GLOB '*[^0-9a-f]*'), cutoff_received_time_unix_nano INTEGER NOT
  NULL CHECK (cutoff_received_time_unix_nano > 0), reset_time_unix_nano INTEGER NOT NULL CHECK
  (reset_time_unix_nano > 0), expires_time_unix_nano INTEGER NOT NULL CHECK (expires_time_unix_nano
  > reset_time_unix_nano), PRIMARY KEY (connector_instance_id, session_value_digest), FOREIGN KEY
  (connector_instance_id) REFERENCES correlation_connector_instances(connector_instance_id) ON
  DELETE CASCADE, FOREIGN KEY (terminal_semantic_event_id) REFERENCES
  correlation_events(semantic_event_id) ON DELETE CASCADE ) WITHOUT ROWID;
CREATE TABLE guardrail_chain_cutoff_barriers ( barrier_kind TEXT PRIMARY KEY CHECK (barrier_kind IN
  ( 'pending_boundary', 'terminal_reset')), cutoff_received_time_unix_nano INTEGER NOT NULL CHECK
  (cutoff_received_time_unix_nano > 0), applied_time_unix_nano INTEGER NOT NULL CHECK
  (applied_time_unix_nano > 0), expires_time_unix_nano INTEGER NOT NULL CHECK
  (expires_time_unix_nano > applied_time_unix_nano) ) WITHOUT ROWID;
