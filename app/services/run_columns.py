"""What is shown of runs, as SQL."""

from typing import LiteralString

SUMMARY: LiteralString = """r.id, r.project_id, r.workflow_id, w.name AS workflow_name, r.version, r.status, r.attempt,
    r.error, r.reason, r.meta, r.created_at, r.queued_at, r.started_at, r.finished_at, r.last_seq, r.wake_at,
    r.parent_run_id, r.parent_node_id, r.parent_iteration, r.depth, r.forked_from, r.priority, r.queue, r.trigger,
    v.node_count AS total, p.completed, p.running, p.failed, p.skipped"""
WHOLE: LiteralString = f"{SUMMARY}, r.input, r.result, r.state"
# The newest turn of each node. Where turns are many for a node, the index is asked for one node after the other; where
# they are few, which the number of events tells, reading all of them costs a quarter of that.
_NEWEST_TURNS: LiteralString = """(
        SELECT DISTINCT ON (node_id) status FROM node_states n
        WHERE n.run_id = r.id AND r.last_seq <= 8 * v.node_count + 100 ORDER BY node_id, iteration DESC
    ) UNION ALL (
        WITH RECURSIVE turned (node_id) AS (
            (SELECT node_id FROM node_states n WHERE n.run_id = r.id AND r.last_seq > 8 * v.node_count + 100
             ORDER BY node_id LIMIT 1)
            UNION ALL
            SELECT (SELECT n.node_id FROM node_states n WHERE n.run_id = r.id AND n.node_id > turned.node_id
                    ORDER BY n.node_id LIMIT 1)
            FROM turned WHERE turned.node_id IS NOT NULL
        )
        SELECT (SELECT status FROM node_states n WHERE n.run_id = r.id AND n.node_id = turned.node_id
                ORDER BY iteration DESC LIMIT 1)
        FROM turned WHERE turned.node_id IS NOT NULL
    )"""
_BESIDE: LiteralString = f"""
    JOIN workflows w ON w.id = r.workflow_id
    JOIN workflow_versions v ON v.workflow_id = r.workflow_id AND v.version = r.version
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE status = 'COMPLETED') AS completed,
               count(*) FILTER (WHERE status IN ('RUNNING', 'RETRYING')) AS running,
               count(*) FILTER (WHERE status = 'FAILED') AS failed,
               count(*) FILTER (WHERE status = 'SKIPPED') AS skipped
        FROM ({_NEWEST_TURNS}) AS latest
    ) p"""


def shown(runs: LiteralString) -> LiteralString:
    """The rows of a table of runs as `r`, with what SUMMARY and WHOLE take from elsewhere."""
    return f"{runs} r {_BESIDE}"
