"""The last policy of an action outlives its removal."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    "ALTER TABLE attune.action ADD COLUMN governed boolean NOT NULL DEFAULT false",
    "UPDATE attune.action SET governed = true WHERE policy IS NOT NULL",
    "COMMENT ON COLUMN attune.action.governed IS 'whether its policy is declared now; false: accepts nothing, drains'",
    "COMMENT ON COLUMN attune.action.policy IS 'the declared limits; once removed, the last ones'",
)


def upgrade() -> None:
    """Tell a removed policy from one that never was."""
    for statement in STATEMENTS:
        op.execute(statement)
