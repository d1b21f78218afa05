"""What all tables are part of."""

from __future__ import annotations

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows only in a column of exactly this type.
ROW_ID = BigInteger().with_variant(Integer(), "sqlite")


class Bytes(LargeBinary):
    """Bytes as the drivers take them: SQLAlchemy would wrap every value of every row first."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Say that there is nothing to do."""
        return
