-- audit.db as DefenseClaw HEAD makes it: triggers.
CREATE TRIGGER alert_ack_operations_no_update BEFORE UPDATE ON alert_acknowledgement_operations
  BEGIN SELECT RAISE(ABORT, 'alert acknowledgement operation history is immutable'); END;
CREATE TRIGGER alert_ack_operations_no_delete BEFORE DELETE ON alert_acknowledgement_operations
  BEGIN SELECT RAISE(ABORT, 'alert acknowledgement operation history is immutable'); END;
CREATE TRIGGER alert_ack_baselines_no_update BEFORE UPDATE ON alert_acknowledgement_baselines BEGIN
  SELECT RAISE(ABORT, 'alert acknowledgement baseline history is immutable'); END;
CREATE TRIGGER alert_ack_baselines_no_delete BEFORE DELETE ON alert_acknowledgement_baselines BEGIN
  SELECT RAISE(ABORT, 'alert acknowledgement baseline history is immutable'); END;
CREATE TRIGGER defenseclaw_judge_responses_no_insert BEFORE INSERT ON judge_responses BEGIN SELECT
  RAISE(ABORT, 'judge_responses is read-only after v8 cutover'); END;
CREATE TRIGGER defenseclaw_judge_responses_no_update BEFORE UPDATE ON judge_responses BEGIN SELECT
  RAISE(ABORT, 'judge_responses is read-only after v8 cutover'); END;
CREATE TRIGGER retention_audit_events_timestamp_insert AFTER INSERT ON audit_events BEGIN UPDATE
  audit_events SET retention_timestamp_unix_nano = CASE WHEN timestamp GLOB '????-??-??T??:??:??*'
  THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN substr(timestamp, -1) = 'Z' THEN
  'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20,
  1) = '.' THEN CAST(substr( substr(timestamp, 21, length(timestamp) - 20 - CASE WHEN
  substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN
  timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp, ' +') > 0 OR instr(timestamp, ' -') >
  0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN instr(timestamp, ' +') > 0 THEN
  substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':' || substr(timestamp, instr(timestamp,
  ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -') + 1, 3) || ':' || substr(timestamp,
  instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20,
  1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN instr(timestamp, ' +') > 0 THEN
  instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) || '000000000', 1, 9) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND substr(timestamp, -6, 1) IN ('+', '-')
  THEN CAST(strftime('%s', substr(timestamp, 1, 19) || substr(timestamp, -6)) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END WHEN timestamp GLOB
  '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19)) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21) ||
  '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id = NEW.id; END;
CREATE TRIGGER retention_audit_events_timestamp_update AFTER UPDATE OF timestamp ON audit_events
  BEGIN UPDATE audit_events SET retention_timestamp_unix_nano = CASE WHEN timestamp GLOB
  '????-??-??T??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN
  substr(timestamp, -1) = 'Z' THEN 'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) * 1000000000 +
  CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 20 - CASE WHEN substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000',
  1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp,
  ' +') > 0 OR instr(timestamp, ' -') > 0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  CASE WHEN instr(timestamp, ' +') > 0 THEN substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':'
  || substr(timestamp, instr(timestamp, ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -')
  + 1, 3) || ':' || substr(timestamp, instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000
  + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN
  instr(timestamp, ' +') > 0 THEN instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) ||
  '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND
  substr(timestamp, -6, 1) IN ('+', '-') THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  substr(timestamp, -6)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN
  CAST(substr( substr(timestamp, 21, length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp,
  1, 19)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr(
  substr(timestamp, 21) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id =
  NEW.id; END;
CREATE TRIGGER retention_activity_events_timestamp_insert AFTER INSERT ON activity_events BEGIN
  UPDATE activity_events SET retention_timestamp_unix_nano = CASE WHEN timestamp GLOB
  '????-??-??T??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN
  substr(timestamp, -1) = 'Z' THEN 'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) * 1000000000 +
  CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 20 - CASE WHEN substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000',
  1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp,
  ' +') > 0 OR instr(timestamp, ' -') > 0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  CASE WHEN instr(timestamp, ' +') > 0 THEN substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':'
  || substr(timestamp, instr(timestamp, ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -')
  + 1, 3) || ':' || substr(timestamp, instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000
  + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN
  instr(timestamp, ' +') > 0 THEN instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) ||
  '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND
  substr(timestamp, -6, 1) IN ('+', '-') THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  substr(timestamp, -6)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN
  CAST(substr( substr(timestamp, 21, length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp,
  1, 19)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr(
  substr(timestamp, 21) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id =
  NEW.id; END;
CREATE TRIGGER retention_activity_events_timestamp_update AFTER UPDATE OF timestamp ON
  activity_events BEGIN UPDATE activity_events SET retention_timestamp_unix_nano = CASE WHEN
  timestamp GLOB '????-??-??T??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE
  WHEN substr(timestamp, -1) = 'Z' THEN 'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 20 - CASE WHEN substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000',
  1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp,
  ' +') > 0 OR instr(timestamp, ' -') > 0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  CASE WHEN instr(timestamp, ' +') > 0 THEN substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':'
  || substr(timestamp, instr(timestamp, ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -')
  + 1, 3) || ':' || substr(timestamp, instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000
  + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN
  instr(timestamp, ' +') > 0 THEN instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) ||
  '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND
  substr(timestamp, -6, 1) IN ('+', '-') THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  substr(timestamp, -6)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN
  CAST(substr( substr(timestamp, 21, length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp,
  1, 19)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr(
  substr(timestamp, 21) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id =
  NEW.id; END;
CREATE TRIGGER retention_network_egress_events_timestamp_insert AFTER INSERT ON
  network_egress_events BEGIN UPDATE network_egress_events SET retention_timestamp_unix_nano = CASE
  WHEN timestamp GLOB '????-??-??T??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  CASE WHEN substr(timestamp, -1) = 'Z' THEN 'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 20 - CASE WHEN substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000',
  1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp,
  ' +') > 0 OR instr(timestamp, ' -') > 0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  CASE WHEN instr(timestamp, ' +') > 0 THEN substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':'
  || substr(timestamp, instr(timestamp, ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -')
  + 1, 3) || ':' || substr(timestamp, instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000
  + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN
  instr(timestamp, ' +') > 0 THEN instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) ||
  '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND
  substr(timestamp, -6, 1) IN ('+', '-') THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  substr(timestamp, -6)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN
  CAST(substr( substr(timestamp, 21, length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp,
  1, 19)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr(
  substr(timestamp, 21) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id =
  NEW.id; END;
CREATE TRIGGER retention_network_egress_events_timestamp_update AFTER UPDATE OF timestamp ON
  network_egress_events BEGIN UPDATE network_egress_events SET retention_timestamp_unix_nano = CASE
  WHEN timestamp GLOB '????-??-??T??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  CASE WHEN substr(timestamp, -1) = 'Z' THEN 'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 20 - CASE WHEN substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000',
  1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp,
  ' +') > 0 OR instr(timestamp, ' -') > 0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  CASE WHEN instr(timestamp, ' +') > 0 THEN substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':'
  || substr(timestamp, instr(timestamp, ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -')
  + 1, 3) || ':' || substr(timestamp, instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000
  + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN
  instr(timestamp, ' +') > 0 THEN instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) ||
  '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND
  substr(timestamp, -6, 1) IN ('+', '-') THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  substr(timestamp, -6)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN
  CAST(substr( substr(timestamp, 21, length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp,
  1, 19)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr(
  substr(timestamp, 21) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id =
  NEW.id; END;
CREATE TRIGGER retention_sink_health_timestamp_insert AFTER INSERT ON sink_health BEGIN UPDATE
  sink_health SET retention_timestamp_unix_nano = CASE WHEN timestamp GLOB '????-??-??T??:??:??*'
  THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN substr(timestamp, -1) = 'Z' THEN
  'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20,
  1) = '.' THEN CAST(substr( substr(timestamp, 21, length(timestamp) - 20 - CASE WHEN
  substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN
  timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp, ' +') > 0 OR instr(timestamp, ' -') >
  0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN instr(timestamp, ' +') > 0 THEN
  substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':' || substr(timestamp, instr(timestamp,
  ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -') + 1, 3) || ':' || substr(timestamp,
  instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20,
  1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN instr(timestamp, ' +') > 0 THEN
  instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) || '000000000', 1, 9) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND substr(timestamp, -6, 1) IN ('+', '-')
  THEN CAST(strftime('%s', substr(timestamp, 1, 19) || substr(timestamp, -6)) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END WHEN timestamp GLOB
  '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19)) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21) ||
  '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id = NEW.id; END;
CREATE TRIGGER retention_sink_health_timestamp_update AFTER UPDATE OF timestamp ON sink_health
  BEGIN UPDATE sink_health SET retention_timestamp_unix_nano = CASE WHEN timestamp GLOB
  '????-??-??T??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN
  substr(timestamp, -1) = 'Z' THEN 'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) * 1000000000 +
  CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 20 - CASE WHEN substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000',
  1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp,
  ' +') > 0 OR instr(timestamp, ' -') > 0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  CASE WHEN instr(timestamp, ' +') > 0 THEN substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':'
  || substr(timestamp, instr(timestamp, ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -')
  + 1, 3) || ':' || substr(timestamp, instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000
  + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN
  instr(timestamp, ' +') > 0 THEN instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) ||
  '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND
  substr(timestamp, -6, 1) IN ('+', '-') THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  substr(timestamp, -6)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN
  CAST(substr( substr(timestamp, 21, length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp,
  1, 19)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr(
  substr(timestamp, 21) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id =
  NEW.id; END;
CREATE TRIGGER retention_scan_findings_timestamp_insert AFTER INSERT ON scan_findings BEGIN UPDATE
  scan_findings SET retention_timestamp_unix_nano = CASE WHEN timestamp GLOB '????-??-??T??:??:??*'
  THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN substr(timestamp, -1) = 'Z' THEN
  'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20,
  1) = '.' THEN CAST(substr( substr(timestamp, 21, length(timestamp) - 20 - CASE WHEN
  substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN
  timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp, ' +') > 0 OR instr(timestamp, ' -') >
  0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN instr(timestamp, ' +') > 0 THEN
  substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':' || substr(timestamp, instr(timestamp,
  ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -') + 1, 3) || ':' || substr(timestamp,
  instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20,
  1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN instr(timestamp, ' +') > 0 THEN
  instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) || '000000000', 1, 9) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND substr(timestamp, -6, 1) IN ('+', '-')
  THEN CAST(strftime('%s', substr(timestamp, 1, 19) || substr(timestamp, -6)) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END WHEN timestamp GLOB
  '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19)) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21) ||
  '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id = NEW.id; END;
CREATE TRIGGER retention_scan_findings_timestamp_update AFTER UPDATE OF timestamp ON scan_findings
  BEGIN UPDATE scan_findings SET retention_timestamp_unix_nano = CASE WHEN timestamp GLOB
  '????-??-??T??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN
  substr(timestamp, -1) = 'Z' THEN 'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) * 1000000000 +
  CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 20 - CASE WHEN substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000',
  1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp,
  ' +') > 0 OR instr(timestamp, ' -') > 0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  CASE WHEN instr(timestamp, ' +') > 0 THEN substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':'
  || substr(timestamp, instr(timestamp, ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -')
  + 1, 3) || ':' || substr(timestamp, instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000
  + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN
  instr(timestamp, ' +') > 0 THEN instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) ||
  '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND
  substr(timestamp, -6, 1) IN ('+', '-') THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  substr(timestamp, -6)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN
  CAST(substr( substr(timestamp, 21, length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp,
  1, 19)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr(
  substr(timestamp, 21) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id =
  NEW.id; END;
CREATE TRIGGER retention_scan_results_timestamp_insert AFTER INSERT ON scan_results BEGIN UPDATE
  scan_results SET retention_timestamp_unix_nano = CASE WHEN timestamp GLOB '????-??-??T??:??:??*'
  THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN substr(timestamp, -1) = 'Z' THEN
  'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20,
  1) = '.' THEN CAST(substr( substr(timestamp, 21, length(timestamp) - 20 - CASE WHEN
  substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN
  timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp, ' +') > 0 OR instr(timestamp, ' -') >
  0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN instr(timestamp, ' +') > 0 THEN
  substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':' || substr(timestamp, instr(timestamp,
  ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -') + 1, 3) || ':' || substr(timestamp,
  instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20,
  1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN instr(timestamp, ' +') > 0 THEN
  instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) || '000000000', 1, 9) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND substr(timestamp, -6, 1) IN ('+', '-')
  THEN CAST(strftime('%s', substr(timestamp, 1, 19) || substr(timestamp, -6)) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END WHEN timestamp GLOB
  '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19)) AS INTEGER) *
  1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21) ||
  '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id = NEW.id; END;
CREATE TRIGGER retention_scan_results_timestamp_update AFTER UPDATE OF timestamp ON scan_results
  BEGIN UPDATE scan_results SET retention_timestamp_unix_nano = CASE WHEN timestamp GLOB
  '????-??-??T??:??:??*' THEN CAST(strftime('%s', substr(timestamp, 1, 19) || CASE WHEN
  substr(timestamp, -1) = 'Z' THEN 'Z' ELSE substr(timestamp, -6) END ) AS INTEGER) * 1000000000 +
  CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21,
  length(timestamp) - 20 - CASE WHEN substr(timestamp, -1) = 'Z' THEN 1 ELSE 6 END) || '000000000',
  1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND (instr(timestamp,
  ' +') > 0 OR instr(timestamp, ' -') > 0) THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  CASE WHEN instr(timestamp, ' +') > 0 THEN substr(timestamp, instr(timestamp, ' +') + 1, 3) || ':'
  || substr(timestamp, instr(timestamp, ' +') + 4, 2) ELSE substr(timestamp, instr(timestamp, ' -')
  + 1, 3) || ':' || substr(timestamp, instr(timestamp, ' -') + 4, 2) END ) AS INTEGER) * 1000000000
  + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr( substr(timestamp, 21, CASE WHEN
  instr(timestamp, ' +') > 0 THEN instr(timestamp, ' +') ELSE instr(timestamp, ' -') END - 21) ||
  '000000000', 1, 9) AS INTEGER) ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' AND
  substr(timestamp, -6, 1) IN ('+', '-') THEN CAST(strftime('%s', substr(timestamp, 1, 19) ||
  substr(timestamp, -6)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN
  CAST(substr( substr(timestamp, 21, length(timestamp) - 26) || '000000000', 1, 9 ) AS INTEGER)
  ELSE 0 END WHEN timestamp GLOB '????-??-?? ??:??:??*' THEN CAST(strftime('%s', substr(timestamp,
  1, 19)) AS INTEGER) * 1000000000 + CASE WHEN substr(timestamp, 20, 1) = '.' THEN CAST(substr(
  substr(timestamp, 21) || '000000000', 1, 9 ) AS INTEGER) ELSE 0 END ELSE NULL END WHERE id =
  NEW.id; END;
CREATE TRIGGER scan_findings_require_parent BEFORE INSERT ON scan_findings WHEN NOT EXISTS (SELECT
  1 FROM scan_results WHERE id = NEW.scan_id) BEGIN SELECT RAISE(ABORT,
  'scan finding requires an existing scan result'); END;
CREATE TRIGGER scan_findings_update_require_parent BEFORE UPDATE OF scan_id ON scan_findings WHEN
  NOT EXISTS (SELECT 1 FROM scan_results WHERE id = NEW.scan_id) BEGIN SELECT RAISE(ABORT,
  'scan finding requires an existing scan result'); END;
CREATE TRIGGER scan_results_preserve_children BEFORE DELETE ON scan_results WHEN EXISTS (SELECT 1
  FROM scan_findings WHERE scan_id = OLD.id) BEGIN SELECT RAISE(ABORT,
  'scan result still has findings'); END;
