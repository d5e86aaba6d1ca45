-- audit.db as DefenseClaw HEAD makes it: indexes.
CREATE INDEX idx_audit_timestamp ON audit_events(timestamp);
CREATE INDEX idx_audit_action ON audit_events(action);
CREATE INDEX idx_audit_action_timestamp ON audit_events(action, timestamp DESC);
CREATE INDEX idx_audit_severity_timestamp ON audit_events(severity, timestamp);
CREATE INDEX idx_scan_scanner ON scan_results(scanner);
CREATE INDEX idx_scan_timestamp ON scan_results(timestamp);
CREATE INDEX idx_scan_scanner_target_timestamp ON scan_results(scanner, target, timestamp DESC);
CREATE INDEX idx_finding_severity ON findings(severity);
CREATE INDEX idx_finding_scan ON findings(scan_id);
CREATE INDEX idx_egress_timestamp ON network_egress_events(timestamp);
CREATE INDEX idx_quarantine_target ON quarantine_records(target_type, target_name, state);
CREATE INDEX idx_quarantine_connector ON quarantine_record_connectors(connector, quarantine_id);
CREATE INDEX idx_egress_hostname ON network_egress_events(hostname);
CREATE INDEX idx_egress_blocked ON network_egress_events(blocked);
CREATE INDEX idx_egress_session ON network_egress_events(session_id);
CREATE INDEX idx_snapshots_target ON target_snapshots(target_type, target_path);
CREATE INDEX idx_audit_run_id ON audit_events(run_id);
CREATE INDEX idx_scan_run_id ON scan_results(run_id);
CREATE INDEX idx_audit_connector ON audit_events(connector);
CREATE INDEX idx_audit_action_connector_timestamp ON audit_events(action, connector, timestamp
  DESC);
CREATE INDEX idx_audit_bucket_timestamp ON audit_events(bucket, timestamp);
CREATE INDEX idx_audit_event_name_timestamp ON audit_events(event_name, timestamp);
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
CREATE INDEX idx_audit_source_timestamp ON audit_events(source, timestamp);
CREATE INDEX idx_audit_turn_id ON audit_events(turn_id);
CREATE INDEX idx_audit_evaluation_id ON audit_events(evaluation_id);
CREATE INDEX idx_audit_scan_id ON audit_events(scan_id);
CREATE INDEX idx_audit_finding_id ON audit_events(finding_id);
CREATE INDEX idx_audit_enforcement_action_id ON audit_events(enforcement_action_id);
CREATE INDEX idx_judge_timestamp_unix_nano ON judge_responses(timestamp_unix_nano, id);
CREATE INDEX idx_alert_ack_operations_alert ON alert_acknowledgement_operations(alert_id,
  created_at);
CREATE INDEX idx_alert_ack_operations_replay ON alert_acknowledgement_operations( alert_id,
  outcome, projection_version_after, event_id );
CREATE INDEX idx_retention_audit_events_timestamp ON audit_events(retention_timestamp_unix_nano,
  id);
CREATE INDEX idx_retention_activity_events_timestamp ON
  activity_events(retention_timestamp_unix_nano, id);
CREATE INDEX idx_retention_network_egress_timestamp ON
  network_egress_events(retention_timestamp_unix_nano, id);
CREATE INDEX idx_retention_sink_health_timestamp ON sink_health(retention_timestamp_unix_nano, id);
CREATE INDEX idx_retention_scan_findings_timestamp ON scan_findings(retention_timestamp_unix_nano,
  id);
CREATE INDEX idx_retention_scan_results_timestamp ON scan_results(retention_timestamp_unix_nano,
  id);
CREATE INDEX idx_correlation_events_received ON correlation_events(received_time_unix_nano,
  semantic_event_id);
CREATE INDEX idx_correlation_events_connector ON correlation_events(connector_instance_id,
  received_time_unix_nano);
CREATE INDEX idx_correlation_events_logical ON correlation_events(logical_group_id);
CREATE INDEX idx_correlation_connector_custody ON correlation_connector_instances(export_custody,
  connector);
CREATE UNIQUE INDEX idx_correlation_connector_default ON correlation_connector_instances(connector)
  WHERE is_default = 1;
CREATE INDEX idx_correlation_identifiers_exact ON correlation_identifiers(connector_instance_id,
  namespace, identifier_kind, value_digest);
CREATE INDEX idx_correlation_identifiers_event ON correlation_identifiers(semantic_event_id);
CREATE INDEX idx_correlation_observations_event ON correlation_observations(semantic_event_id,
  observed_time_unix_nano);
CREATE INDEX idx_correlation_observations_session ON correlation_observations(session_id,
  observed_time_unix_nano);
CREATE INDEX idx_correlation_observations_turn ON correlation_observations(turn_id,
  observed_time_unix_nano);
CREATE INDEX idx_correlation_observations_agent ON correlation_observations(agent_id,
  observed_time_unix_nano);
CREATE INDEX idx_correlation_observations_lifecycle ON correlation_observations(lifecycle_id,
  observed_time_unix_nano);
CREATE INDEX idx_correlation_observations_execution ON correlation_observations(execution_id,
  observed_time_unix_nano);
CREATE INDEX idx_correlation_observations_model_request ON
  correlation_observations(model_request_id);
CREATE INDEX idx_correlation_observations_model_response ON
  correlation_observations(model_response_id);
CREATE INDEX idx_correlation_observations_tool ON correlation_observations(tool_invocation_id);
CREATE INDEX idx_correlation_observations_trace ON correlation_observations(trace_id, span_id);
CREATE INDEX idx_correlation_relationships_from ON correlation_relationships(from_kind, from_id,
  status);
CREATE INDEX idx_correlation_relationships_to ON correlation_relationships(to_kind, to_id, status);
CREATE INDEX idx_correlation_relationships_status ON correlation_relationships(status,
  last_seen_time_unix_nano);
CREATE INDEX idx_correlation_relationships_seen ON
  correlation_relationships(last_seen_time_unix_nano, relationship_id);
CREATE INDEX idx_correlation_evidence_relationship ON
  correlation_relationship_evidence(relationship_id);
CREATE INDEX idx_correlation_evidence_semantic ON
  correlation_relationship_evidence(semantic_event_id);
CREATE INDEX idx_correlation_evidence_record ON
  correlation_relationship_evidence(evidence_record_id);
CREATE INDEX idx_correlation_cursors_active ON correlation_cursors(active, updated_time_unix_nano);
CREATE INDEX idx_correlation_cursors_event ON correlation_cursors(last_semantic_event_id);
CREATE INDEX idx_correlation_pending_status ON
  correlation_pending_operations(connector_instance_id, operation_namespace, operation_kind,
  scope_kind, scope_id, operation_type, status, updated_time_unix_nano);
CREATE INDEX idx_correlation_pending_exact ON correlation_pending_operations(connector_instance_id,
  operation_namespace, operation_kind, operation_id, operation_type, scope_kind, scope_id, status);
CREATE INDEX idx_correlation_pending_start_event ON
  correlation_pending_operations(start_semantic_event_id);
CREATE INDEX idx_correlation_pending_terminal_event ON
  correlation_pending_operations(terminal_semantic_event_id);
CREATE INDEX idx_correlation_receipts_expiry ON correlation_receipts(expires_time_unix_nano);
CREATE INDEX idx_correlation_receipts_source ON correlation_receipts(connector_instance_id,
  source_key_digest);
CREATE INDEX idx_correlation_receipts_event ON correlation_receipts(semantic_event_id);
CREATE INDEX idx_correlation_receipts_conflict_event ON
  correlation_receipts(conflicts_with_semantic_event_id);
CREATE INDEX idx_correlation_identity_claims_event ON
  correlation_identity_claims(semantic_event_id);
CREATE INDEX idx_correlation_identity_claims_logical ON
  correlation_identity_claims(logical_group_id);
CREATE INDEX idx_runtime_asset_session ON runtime_asset_state(connector, session_id,
  last_observed_at);
CREATE INDEX idx_runtime_asset_target ON runtime_asset_state(target_type, target_name, connector);
CREATE INDEX idx_guardrail_chain_partitions_lru ON
  guardrail_chain_partitions(updated_time_unix_nano, connector_instance_id, session_value_digest);
CREATE INDEX idx_guardrail_chain_events_window ON guardrail_chain_events(connector_instance_id,
  session_value_digest, ruleset_fingerprint, sequence);
CREATE INDEX idx_guardrail_chain_events_received ON guardrail_chain_events(received_time_unix_nano,
  semantic_event_id);
CREATE INDEX idx_guardrail_chain_receipts_replay ON
  guardrail_chain_deny_receipts(final_semantic_event_id, input_fingerprint, expires_time_unix_nano,
  chain_id);
CREATE INDEX idx_guardrail_chain_receipts_expiry ON
  guardrail_chain_deny_receipts(expires_time_unix_nano, receipt_id);
CREATE INDEX idx_guardrail_chain_pending_expiry ON
  guardrail_chain_pending_actions(expires_time_unix_nano, connector_instance_id,
  session_value_digest, tool_invocation_digest);
CREATE INDEX idx_guardrail_chain_pending_pre_event ON
  guardrail_chain_pending_actions(pre_semantic_event_id);
CREATE INDEX idx_guardrail_chain_pending_boundaries_expiry ON
  guardrail_chain_pending_boundaries(expires_time_unix_nano, connector_instance_id,
  session_value_digest);
CREATE INDEX idx_guardrail_chain_terminal_resets_expiry ON
  guardrail_chain_terminal_resets(expires_time_unix_nano, connector_instance_id,
  session_value_digest);
CREATE INDEX idx_scan_findings_correlation_window ON scan_findings(session_id, agent_instance_id,
  agent_id, timestamp DESC, id DESC);
