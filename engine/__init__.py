"""How graphs run over a million records: run file, run database, journal, scheduler, ledger, export."""
