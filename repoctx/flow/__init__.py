"""One module a job; the only place that joins the rooms."""
