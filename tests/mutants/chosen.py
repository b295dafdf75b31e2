"""Mistakes of the kind that people make, chosen one by one."""

from __future__ import annotations

from tests.mutants.mutant import ROOT, Mutant

CHOSEN: dict[str, list[tuple[str, str]]] = {  # by file: what stands in it once, and what takes its place
    "predictor/training/metrics.py": [
        ('"predicted": float(predicted[part].mean())', '"predicted": float(np.median(predicted[part]))'),
        ("predicted.sum() / total", "total / predicted.sum()"),
        ("_area(actual, predicted) / best", "_area(actual, predicted)"),
        ("np.array_split(np.argsort(-predicted", "np.array_split(np.argsort(predicted"),
        ("max(1, round(customers / 10))", "max(1, round(customers / 5))"),
        ("share * (1.0 - share)", "share"),
        ("upper > 0, lower > 0", "upper >= 0, lower >= 0"),
        ("(actual > upper)[can_be_above]", "(actual < upper)[can_be_above]"),
    ],
    "predictor/training/report.py": [
        ('"rmse": ("RMSE"', '"rmse": ("MAE"'),
        ('<= each["predicted"] / each["actual"] <=', '<= each["actual"] / each["predicted"] <='),
        ('"too high" if calibration > 1 else "too low"', '"too low" if calibration > 1 else "too high"'),
        ('each["predicted"] > each["actual"] for', 'each["predicted"] < each["actual"] for'),
        ("if above > 0.13 else", "if above < 0.13 else"),
        ('test["customers_who_bought"] / test["customers"]', 'test["customers_who_bought"] / test["days"]'),
        ('chance["brier"] < chance["brier_of_base_rate"]', 'chance["brier"] > chance["brier_of_base_rate"]'),
        ('ours["mae"] / test', 'ours["rmse"] / test'),
        ('if ours["rmse"] > least_rmse', 'if ours["rmse"] < least_rmse'),
        ("in_order = max(expectations", "in_order = min(expectations"),
        ("in_amounts = min(expectations", "in_amounts = max(expectations"),
        ('in_words(content["tests"][-1])', 'in_words(content["tests"][0])'),
        ("days to {test['until']}", "days to {test['as_of']}"),
    ],
    "predictor/training/gamma_gamma.py": [
        ("+ self.q - 1.0)", "+ self.q)"),
        ("self.v + purchases * np", "self.v + (purchases - 1.0) * np"),
        ("several = purchases > 1", "several = purchases >= 1"),
    ],
    "predictor/training/mbg_nbd.py": [
        ("silence = (self.r + frequency)", "silence = self.r"),
        ("chances = frequency + self.dropout_at_first", "chances = frequency"),
        ("np.log(self.alpha + T) - np.log(self.alpha + recency)", "np.log(self.alpha + recency)"),
        ("stayed_after + count - 1.0", "stayed_after + count"),
    ],
    "predictor/training/interval.py": [
        ("frequency + 1.0, mean_spend", "frequency, mean_spend"),
        ("(befores[:, None] + 1.0)", "befores[:, None]"),
        ("range(2, horizon + 1)", "range(2, 10_000)"),
        ("1.0 - (1.0 - level) / chance", "level / chance"),
    ],
    "predictor/training/value_model.py": [
        ('0.0, within["frequency"] + 1.0)\n    within["recency"]', '0.0, within["frequency"])\n    within["recency"]'),
        ("(step - 0.5)", "step"),
        ('np.minimum(within["recency"], within["customer_age"])', 'within["recency"]'),
        ('expected_spend(features["frequency"] + 1.0', 'expected_spend(features["frequency"]'),
        ("_INTERVAL = (0.1, 0.9)", "_INTERVAL = (0.05, 0.95)"),
        ("per_spend = factor *", "per_spend ="),
        ("(1.0 + self.discount_rate) ** (-middle", "(1.0 + self.discount_rate) ** (middle"),
        ("np.minimum(expected_purchases, self.horizon)", "expected_purchases"),
        ('    within["total_num_items"] = np.maximum(within["total_num_items"], within["frequency"] + 1.0)\n', ""),
    ],
    "predictor/training/correction.py": [
        ('features["max_revenue"] / mean_spend', 'features["max_revenue"] * mean_spend'),
        ("learned) / (_NONE + 2.0)", "learned) / (_NONE + 1.0)"),
        ("(_NONE * self.uncorrected", "(self.uncorrected"),
        ("return self.level * (_NONE", "return (_NONE"),
        (
            "goes_left, self(values, self.left[node]), self(values, self.right[node])",
            "goes_left, self(values, self.right[node]), self(values, self.left[node])",
        ),
        ("(np.minimum(value, most) - mean)", "(value - mean)"),
    ],
    "predictor/training/fitting.py": [
        ("_PENALTY * np.r_[0.0,", "_PENALTY * np.r_[1.0,"),
        ("np.quantile(rows.actual[rows.actual > 0],", "np.quantile(rows.actual,"),
        ("actual = np.maximum(snapshot.outcome(), 0.0)", "actual = snapshot.outcome()"),
        ('fit_gamma_gamma(features["frequency"] + 1.0', 'fit_gamma_gamma(features["frequency"]'),
        ("np.clip(change**believed, 0.2, 5.0) / change", "np.clip(change**believed, 0.2, 5.0) * change"),
        ("(spread / _USUAL_SPREAD)", "(_USUAL_SPREAD / max(spread, _TINY))"),
        ("if len(actual) > 2 else 0.0", "if len(actual) > 2 else 1.0"),
        ("rows.customers.max() + 1)[rows.customers]", "len(rows.customers))"),
        ("learn(rows.where(~out))", "learn(rows)"),
        ("> np.sqrt(np.sum(by_customer**2))", "> 0"),
        ("horizon=horizon,\n", "horizon=min(horizon, 60),\n"),
        ("int(np.count_nonzero(actual))", "len(actual)"),
        ("fit_expectation(each, each.days, discount_rate)", "fit_expectation(each, each.days, 0.0)"),
        ("-(-total // _ROWS) or 1", "total // _ROWS or 1"),
        ("interval_spend=spend,", "interval_spend=replace(spend, p=1.0),"),
    ],
    "predictor/training/backtest.py": [
        ('np.maximum(features["customer_age"], 1.0) * test.days', 'np.maximum(features["customer_age"], 1.0) * 365'),
        ("fit(test, past, test.days", "fit(test, past, past[0].days"),
        ("if each.as_of + timedelta(each.days) > test.as_of", "if each.as_of > test.as_of"),
        ("spend.expected_spend(frequency, mean_spend)", "spend.expected_spend(frequency + 1.0, mean_spend)"),
        ("newest = max(past", "newest = min(past"),
        ("item: -item[1]", "item: item[1]"),
        ("timedelta(each.days) <= newest.as_of]", "timedelta(each.days) < newest.as_of]"),
        ("_, discounted = plain.purchases", "discounted, _ = plain.purchases"),
        ("discount_rate, year_ago)\n    answers", "discount_rate, ())\n    answers"),
    ],
    "predictor/training/dates.py": [
        (".days >= _HISTORY", ".days > _HISTORY"),
        ("min(horizon, span // 5)", "min(horizon, span // 4)"),
        ("timedelta(days + step * i)", "timedelta(step * i)"),
    ],
    "predictor/scoring.py": [
        ("{(~finite).sum()} of", "{finite.sum()} of"),
        ("if settings.python:", "if settings.python and not manifest.interpreter:"),
        ("if now - told_at > 0.25:", "if True:"),
        ("if rows != told_rows:", "if False:"),
        ("first = rows_before + 1", "first = rows_before"),
        ("if not finite.all():", "if not finite.any():"),
    ],
    "predictor/sandbox/process.py": [
        ("max(self._sent.popleft(), self._free_at) + self", "self._sent.popleft() + self"),
        ("if length > longest:", "if False:"),
        ("if len(predictions) != 8 * rows * self._outputs:", "if len(predictions) < 8 * rows * self._outputs:"),
        ("if (found, found_number) != (kind, number):", "if found != kind:"),
        ('return ModelError(f"The model closed its connection', 'return ModelError(f"The model ended'),
    ],
    "predictor/sandbox/worker.py": [
        ("random.seed(number)\n            numpy", "numpy"),
        ("numpy.random.seed(number % 2**32)", "numpy.random.seed(0)"),
        ('    sys.argv[:] = [""]\n', ""),
    ],
    "predictor/whole_file.py": [
        ('path.with_name(f".{path.name}.{os.getpid()}")', "path"),
        ("beside.unlink(missing_ok=True)", "pass"),
    ],
    "pipeline/warehouse/history.py": [
        ("not other_engine and _is", "not other_engine or _is"),
        (
            "from published.main.prediction_history",
            "from published.main.predictions",
        ),
        ("            _read_every_value(file)\n", "            pass\n"),
        ("if wrote == reads:", "if True:"),
        ('build.execute(f"create or replace table last_build', '(f"create or replace table last_build'),
        ("*others, newest = sorted(in_files)", "newest, *others = sorted(in_files)"),
        ("read_whole: bool = True", "read_whole: bool = False"),
    ],
    "pipeline/warehouse/damage.py": [
        (
            "text = str(error)\n    if disk_is_full(text) or isinstance",
            "text = str(error)\n    if disk_is_full(text) and isinstance",
        ),
        ("if not os.access(published, os.R_OK):", "if False:"),
    ],
    "pipeline/warehouse/folder.py": [
        ('for suffix in ("", ".wal", ".tmp"):', 'for suffix in ("", ".tmp"):'),
        ("        self.training.mkdir()\n", ""),
        ("if _looks_like_duckdb(before / PUBLISHED_FILE):", "if True:"),
        ("            path.chmod(path.stat().st_mode & 0o640)", "            path.chmod(0o644)"),
        ('and not folder.name.startswith("before-")', ""),
        (
            "self.published_file, self.current / PUBLISHED_FILE, self",
            "self.current / PUBLISHED_FILE, self.published_file, self",
        ),
        (
            '        return [link.resolve() for link in (self.current, self.current / "previous")',
            "        return [link.resolve() for link in (self.current,)",
        ),
        ("if found:\n            more", "if len(found) > 1:\n            more"),
        (
            "any(folder.name == build_id for folder in self._published_folders())",
            "self.current.resolve().name == build_id",
        ),
    ],
    "pipeline/build.py": [
        ("'' if are_sorted else 'order by customer_id'", "''"),
        ('training["orders_sha256"] == fingerprint', 'training["orders_sha256"] != fingerprint'),
        ('orders.stop_where_lines_are_lost(source, fingerprint, file, "orders")', "pass"),
        ("            strict=False,\n", ""),
        ("raise model_errors[-1]", "raise model_errors[0]"),
        (
            "found = self._run_models_and_tests(model, source, brought)",
            "self._run_models_and_tests(model, source, brought); found = []",
        ),
        ("built_at=now.replace(tzinfo=None)", "built_at=datetime.now()"),
    ],
    "pipeline/events/summary.py": [
        ("order by clv_rank, customer_id limit 5", "order by clv_rank desc, customer_id limit 5"),
        ("median(predicted_clv) from", "avg(predicted_clv) from"),
        ("shares[0] / total", "shares[-1] / total"),
        (" where reason <> 'left_out'", ""),
        ('"these orders" if info["trained_on_these_orders"]', '"these orders" if not info["trained_on_these_orders"]'),
        ("customer_id not in (select", "customer_id in (select"),
        ('used = info["lines"] - info["lines_rejected"]', 'used = info["lines"]'),
        ("if total > 0 and len(deciles) == 10:", "if len(deciles) == 10:"),
        ("if customers or money else", "if customers and money else"),
    ],
    "pipeline/warehouse/build_lock.py": [
        ("if os.stat(path).st_ino == os.fstat(lock).st_ino:", "if True:"),
        ("fcntl.LOCK_SH | fcntl.LOCK_NB", "fcntl.LOCK_EX | fcntl.LOCK_NB"),
        ("os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW", "os.O_RDWR | os.O_CREAT"),
        ("        os.ftruncate(lock, 0)\n", ""),
        (
            "        path.unlink(missing_ok=True)\n        os.close(lock)",
            "        os.close(lock)\n        path.unlink(missing_ok=True)",
        ),
    ],
    "pipeline/dbt.py": [
        ('"max_rejected": settings.max_rejected', '"max_rejected": round(settings.max_rejected, 2)'),
        ('"history_days": settings.history_days or ""', '"history_days": settings.history_days or 365'),
        ('"discount_rate": settings.discount_rate', '"discount_rate": 0.10'),
    ],
    "pipeline/variables.py": [
        ("if not 0 <= (number := float(text)) <= highest:", "if not 0 < (number := float(text)) <= highest:"),
        ('return text == "1"', "return bool(text)"),
        ("or not 1 <= int(text) <= highest:", "or not 0 <= int(text) <= highest:"),
    ],
    "pipeline/cli.py": [
        ("from pipeline.commands.rollback import roll_back", "from pipeline.build import build as roll_back"),
    ],
    "pipeline/events/doubts.py": [
        ("greatest(customer_age, 1)", "greatest(customer_age, 30)"),
        ("elif mean > HIGH * usual > 0:", "elif mean >= HIGH * usual > 0:"),
        ("elif trained_as_of > as_of:", "elif trained_as_of >= as_of:"),
        ("differ <= _SAME_CUSTOMERS * training", "differ < _SAME_CUSTOMERS * training"),
        ("bool_and(predicted_clv in (0, 1))", "bool_or(predicted_clv in (0, 1))"),
        ("if not trained_here and not", "if not"),
        ("{mean / usual:,.0f} times", "{mean / float(spent):,.0f} times"),
        ("_SAME_CUSTOMERS = 0.1", "_SAME_CUSTOMERS = 0.15"),
    ],
    "pipeline/events/failures.py": [
        ("if a >= share)", "if a > share)"),
        ("order by lines desc, reason", "order by lines, reason"),
        ('if each[0] != "left_out"]', "]"),
        ("order by source_file, line_number\n", "order by line_number\n"),
    ],
    "pipeline/orders/load.py": [
        ("if lines and missing > 0 and missing > _blank_lines", "if lines and missing > 10 and missing > _blank_lines"),
        ("count(*) + sum(line_breaks) from", "count(*) from"),
        ("without * 10 > every", "without * 2 > every"),
        (" and not left_out\n        ),", "\n        ),"),
    ],
    "pipeline/orders/dates.py": [
        ("2000 if int(digits) < 69 else 1900", "2000 if int(digits) < 39 else 1900"),
        ('"%I" if time["ampm"] else "%H"', '"%H" if time["ampm"] else "%H"'),
        ('(11, "* 1"))', '(12, "* 1"))'),
        ('key=lambda each: "%Y" in each', 'key=lambda each: "%y" in each'),
        (" or not _day(year, month, day):", ":"),
        ('range(1, 13) if time["ampm"]', 'range(0, 13) if time["ampm"]'),
        ("between 30000 and 59999", "between 40000 and 59999"),
        ("len(first) > len(last)", "len(first) >= len(last)"),
    ],
    "pipeline/orders/names.py": [("sorted(found, key=lambda i: (group[spelled[i]], i))", "sorted(found)")],
    "pipeline/warehouse/build_info.py": [
        ("where created_at_date > (select", "where created_at_date >= (select"),
        ("count(*) from int_customer_orders", "count(*) from stg_orders"),
        ("{now.astimezone(UTC):", "{now:"),
    ],
    "pipeline/training/doubts.py": [
        ("if (next_day - day).days >= _FAR_APART:", "if (next_day - day).days > _FAR_APART:"),
        ("if came_back < _FEW_COME_BACK * customers:", "if came_back <= _FEW_COME_BACK * customers:"),
        ("customers >= _FEWEST and", "customers > _FEWEST and"),
        ("not 1 / _FAR_OFF <= ratio <= _FAR_OFF", "not 1 / _FAR_OFF < ratio < _FAR_OFF"),
        ("median(spread) from customers", "avg(spread) from customers"),
        ("last > today + timedelta(1)", "last > today"),
    ],
    "pipeline/training/snapshots.py": [
        ("created_at_date <= date {literal(settings", "created_at_date < date {literal(settings"),
        ("group by customer_id, order_id) as", "group by customer_id, order_id, created_at_date) as"),
        ("select min(first_day)", "select max(first_day)"),
    ],
    "dbt_project/macros/parse.sql": [
        (
            "decimal(12, 0))\n    when coalesce(upper({{ column }}), 'NA') in ('NA', 'NULL') then 0",
            "decimal(12, 0))\n    when coalesce(upper({{ column }}), 'NA') in ('NA', 'NULL') then 1",
        ),
        (
            "decimal(18, 6))\n    when coalesce(upper({{ column }}), 'NA') in ('NA', 'NULL') then 0",
            "decimal(18, 6))\n    when {{ column }} is null then 0",
        ),
        ("NA|N/A|#N/A|<NA>", "NA|<NA>"),
        ("then case when {{ column }} like '-%' then -1 else 1 end", "then 1"),
    ],
    "dbt_project/macros/discounted.sql": [("/ 365.0", "/ 360.0")],
    "dbt_project/macros/engine/history.sql": [
        ("  and as_of_date not in (select as_of_date from {{ as_of }})\n", ""),
        (">= {{ days }}", "> {{ days }}"),
        ("(select max(as_of_date) from ' ~ history", "(select min(as_of_date) from ' ~ history"),
    ],
    "dbt_project/macros/engine/ranked.sql": [
        ("cast(customers_above + 1 as bigint)", "cast(customers_above + customers as bigint)"),
        ("predicted_clv order by customers.customer_id\n", "predicted_clv order by customers.customer_id desc\n"),
        ("ranks.first_tenth < ranks.last_tenth", "ranks.first_tenth + 1 < ranks.last_tenth"),
        ("10 - (everybody", "9 - (everybody"),
    ],
    "dbt_project/macros/audit.sql": [("abs({{ value }} - {{ reference }})", "({{ value }} - {{ reference }})")],
    "dbt_project/macros/fifths.sql": [("when {{ value }} <= {{ nth_of", "when {{ value }} < {{ nth_of")],
    "dbt_project/models/intermediate/int_customer_orders.sql": [
        ("min(created_at_date) as order_date", "max(created_at_date) as order_date"),
        ("created_at_date <= as_of.as_of_date", "created_at_date < as_of.as_of_date"),
    ],
    "dbt_project/models/marts/customer_features.sql": [
        ("revenue_of_day > 0 then", "revenue_of_day >= 0 then"),
        ("            range between current row and current row\n", ""),
        ("coalesce(avg(longest_interval), 0)", "coalesce(median(longest_interval), 0)"),
        ("with_day.previous_order_date < with_day.order_date", "with_day.previous_order_date <= with_day.order_date"),
        ("bought_days_ago < 90", "bought_days_ago <= 90"),
        ("greatest(by_customer.purchase_days - 1, 0)", "by_customer.purchase_days - 1"),
    ],
    "dbt_project/models/marts/customer_value.sql": [
        ("(counted.customers - ranked.clv_rank + 1)", "(counted.customers - ranked.clv_rank)"),
        ("<= 2 * valued.usual_gap", "< 2 * valued.usual_gap"),
        ("100 * rfm_recency + 10 * rfm_frequency", "100 * rfm_frequency + 10 * rfm_recency"),
    ],
    "dbt_project/models/marts/segment_bounds.sql": [
        ("5 * parts_above < 4 * all_parts then", "5 * parts_above <= 4 * all_parts then"),
    ],
    "dbt_project/models/marts/prediction_history.sql": [("        full_refresh=false,\n", "")],
    "dbt_project/models/training/customer_labels.sql": [
        ("between 1 and label_days", "between 0 and label_days"),
        ("having min(days_ahead) <= 0", "having min(days_ahead) < 0"),
    ],
    "dbt_project/models/reports/movers.sql": [
        ("order by change desc, customer_id", "order by change desc, customer_id desc"),
        ("order by change, customer_id", "order by abs(change), customer_id"),
    ],
    "dbt_project/models/reports/predicted_and_actual.sql": [
        ("where days_ahead <= horizon_days", "where days_ahead < horizon_days"),
        ("stg_orders.created_at_date > due.as_of_date", "stg_orders.created_at_date >= due.as_of_date"),
        ("least(as_of.as_of_date, as_of.last_order_date)", "as_of.as_of_date"),
        ("coalesce(due.discount_rate, 0)", "coalesce(due.discount_rate, 0.10)"),
    ],
    "dbt_project/models/reports/int_compared_dates.sql": [
        ("as_of_date') }} - 7),", "as_of_date') }} - 1),"),
        ("is not distinct from earlier", "= earlier"),
    ],
    "dbt_project/tests/history_holds_this_build.sql": [
        ("history.kept or predictions.digest", "history.kept and predictions.digest")
    ],
    "dbt_project/tests/rejected_lines_are_few.sql": [("> settings.max_rejected *", ">= settings.max_rejected *")],
    "dbt_project/tests/rejected_money_is_little.sql": [
        ("100 * rejected.revenue / (rejected.revenue + used", "100 * rejected.revenue / (rejected.revenue - used"),
        ("select coalesce(sum(abs(revenue)), 0) as revenue\n", "select coalesce(sum(revenue), 0) as revenue\n"),
        ("('left_out', 'missing_customer_id')", "('left_out')"),
    ],
    "dbt_project/tests/oddities/as_of_date_is_not_in_the_future.sql": [
        ("if setting('as_of') and not strict", "if setting('as_of')"),
        ("'as_of_date') }} > 2", "'as_of_date') }} > 1"),
    ],
    "dbt_project/tests/oddities/orders_are_of_one_time.sql": [
        ("orders desc, stretch desc", "orders desc, stretch"),
        ("sum(case when is_far_from_before", "max(case when is_far_from_before"),
    ],
    "dbt_project/tests/oddities/order_lines_are_not_repeated.sql": [("'num_items', 'revenue', ", "'num_items', ")],
    "dbt_project/tests/oddities/customer_ids_differ_in_more_than_case.sql": [
        ("lower(replace(customer_id, ' ', ''))", "lower(customer_id)"),
    ],
    "dbt_project/tests/oddities/customers_are_about_as_many_as_in_the_last_build.sql": [
        ("error_if='> 30'", "error_if='> 40'"),
        ("warn_if='> 30'", "warn_if='>= 30'"),
    ],
    "dbt_project/tests/oddities/orders_do_not_begin_after_the_last_builds_ended.sql": [
        ("as_of.first_order_date >= last", "as_of.first_order_date > last"),
    ],
    "pipeline/delivery.py": [
        ("            if column in table.comments:\n", "            if False:\n"),
        ('        self._cursor.execute("set constraints all deferred")', "        pass"),
        ('LOCKED = ("55P03", "40P01")', 'LOCKED = ("55P03",)'),
        ("and mode <> 'AccessShareLock' ", ""),
        (' if table != "build_info")', ")"),
    ],
    "pipeline/sources/sql.py": [("rstrip(';')}\\n)", "rstrip(';')})")],
    "pipeline/sources/postgres.py": [
        ("        cursor.execute(IN_ORDER)\n", ""),
        ("case when isfinite({name}) then {day} end", "{day}"),
        ("sql.quoted_path(table.lower())", "sql.quoted_path(table)"),
    ],
    "pipeline/sources/sqlite.py": [
        ("'real' if kinds <= {'integer', 'real'} else 'text'", "'text'"),
        ('        cursor.execute("begin")\n', ""),
    ],
    "pipeline/sources/object_store.py": [
        ("return sorted(found)", "return found[:-1] or found"),
        ('if ".." in target.parts:', "if False:"),
    ],
    "pipeline/sources/parquet.py": [
        ("column = local_timestamp(column)", "pass"),
        ("pa.types.is_date, pa.types.is_time, ", "pa.types.is_date, "),
    ],
    "pipeline/jobs/ledger.py": [
        ("(state = 'queued' and number < ?)", "(state = 'queued' and number <= ?)"),
        ("state in ('held', 'queued')\").fetchone()[0]", "state = 'queued'\").fetchone()[0]"),
        ('order by ended_at desc limit 1"\n', 'order by number desc limit 1"\n'),
    ],
    "pipeline/jobs/jobs.py": [
        (', *path.glob("mapping-*")', ""),
        ("fromisoformat(build.ended_at) > keep:", "fromisoformat(build.ended_at) > keep / 2:"),
        ("        make_durable(folder)\n        make_durable(self.folder)\n", ""),
        ("if path.is_symlink() or not path.is_dir():", "if not path.is_dir():"),
        ("ABANDONED = timedelta(days=1)", "ABANDONED = timedelta(hours=1)"),
        ("        self.ledger.remove_all_but(KEPT)\n", ""),
        ("mode=0o750", "mode=0o755"),
    ],
    "pipeline/jobs/uploads.py": [
        ("if self._size > self._limit:", "if self._size >= self._limit:"),
        ("        os.fsync(self._file.fileno())\n", ""),
        ('head.lstrip(b"\\xef\\xbb\\xbf \\t\\r\\n")', 'head.lstrip(b" \\t\\r\\n")'),
        ("(errno.ENOSPC, errno.EDQUOT, errno.EFBIG)", "(errno.ENOSPC, errno.EFBIG)"),
        ("if self._size - self._looked_at > LOOK_EVERY:", "if False:"),
        ('(".zip", ".gz", ".xlsx", ".7z", ".rar")', '(".zip", ".gz", ".7z", ".rar")'),
        ("RESERVE = 1 << 30", "RESERVE = 1 << 20"),
    ],
    "pipeline/jobs/worker.py": [
        ("ledger.requeue(build, build.attempts - 1)", "ledger.requeue(build, build.attempts)"),
        ("self._settings.on_warning if warnings else", "self._settings.on_warning if not warnings else"),
        (' or (build.state == "published" and build.message)', ""),
        ("ended by signal {-status};", "ended by signal {status};"),
        ("(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)", "(signal.SIGTERM, signal.SIGINT)"),
        (
            'return printable(errors.read(MESSAGE_BYTES).decode(errors="replace").strip())',
            'return errors.read(MESSAGE_BYTES).decode(errors="replace").strip()',
        ),
    ],
    "pipeline/jobs/progress.py": [('max(self.share_done, event["done"] or 0)', 'event["done"] or 0')],
    "pipeline/events/steps.py": [
        ("by_step.pop(step, 0) + result.execution_time", "result.execution_time"),
        ("(position - 1) / of", "position / of"),
    ],
    "pipeline/orders/decide/guards.py": [("Decimal(bare) * value.lines", "Decimal(bare)")],
    "pipeline/orders/decide/totals.py": [
        ("(1 if is_named_so else 10)", "(1 if is_named_so else 3)"),
        ('"it is the order\'s, and counts once"', '"it is the line\'s, all the same"'),
        ("(2 if is_named_so else 5)", "(2 if is_named_so else 4)"),
    ],
    "pipeline/orders/decide/purchases.py": [("'-' if amount > 0 else '+'", "'+' if amount > 0 else '-'")],
    "pipeline/orders/report.py": [
        ("size / 1e6:,.1f} MB", "size / 1e3:,.1f} MB"),
        ('{left_out:,} left out, {malformed:,} malformed"', '{malformed:,} left out, {left_out:,} malformed"'),
        ("size >= 1e5", "size > 1e5"),
    ],
    "predictor/sandbox/launcher.py": [
        ('set_mount_attributes(b"/", AT_RECURSIVE,', 'set_mount_attributes(b"/", 0,'),
        ('"io_uring_setup": (425, 425)', '"io_uring_setup": (426, 426)'),
        ("if len(processes) > PROCESSES:", "if len(processes) > 10 * PROCESSES:"),
        ("        resource.RLIMIT_FSIZE: FILE_SIZE,\n", ""),
        ("(above, 0x40000000, unknown)", "(above, 0xF0000000, unknown)"),
        ("value = value if hard == resource.RLIM_INFINITY else min(value, hard)", "value = value"),
        ("for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):", "for number in ():"),
    ],
    "predictor/sandbox/inspection.py": [
        ('b"BZh": "a bzip2 file"', 'b"BZh": "a gzip file"'),
        ('content[1:2] <= b"\\x05"', 'content[1:2] < b"\\x05"'),
    ],
    "predictor/sandbox/interpreters.py": [("OLDEST, NEWEST = 6, 13", "OLDEST, NEWEST = 6, 12")],
    "pipeline/training/command.py": [
        (
            "past = [at[each, plan.final.days] for each in plan.final.cutoffs]",
            "past = [at[each, plan.test.days] for each in plan.test.cutoffs]",
        ),
        ("            orders.stop_where_changed(source, fingerprint)\n", ""),
        ('"label_days": plan.final.days', '"label_days": plan.test.days'),
    ],
    "dbt_project/models/training/customer_amounts.sql": [
        ("having sum(revenue) > 0", "having sum(revenue) >= 0"),
    ],
    "dbt_project/tests/generic/columns_are_not_null.sql": [
        ("or {{ name }} is null", "and {{ name }} is null"),
    ],
    "predictor/doubts.py": [("mean > HIGH * spent", "mean > HIGH")],
    "pipeline/commands/extras.py": [('f"requirements-{command}.txt"', '"requirements.txt"')],
    "pipeline/commands/rollback.py": [
        ("command_line('build', settings)", "command_line('rollback', settings)"),
        ("with build_lock(warehouse.lock_file):", "if True:"),
    ],
    "api/routes/builds.py": [
        ("LISTED = 100", "LISTED = 10"),
        ('{"Retry-After": "60"}', "{}"),
        ("(end - datetime.fromisoformat(build.started_at))", "(end - datetime.fromisoformat(build.queued_at))"),
        ("given |= {name: text.decode() for name, text in fields.items()}", "given = given"),
        ("if asked.strict is not None:", "if asked.strict:"),
        ('progress.publishing if build.state == "published" else None', "progress.publishing"),
        ("(filename or query.name)[:200]", "(filename or query.name)"),
    ],
    "api/schemas/customers.py": [("limit: int = Field(100, ge=1", "limit: int = Field(10, ge=1")],
    "api/server.py": [
        ("settings.port % 65_535 + 1", "settings.port"),
        ('address = f"[{settings.host}]:{settings.port}" if', 'address = f"{settings.host}:{settings.port}" if'),
    ],
    "api/middleware/access_log.py": [("json.dumps(path)", "chr(34) + path + chr(34)")],
    "api/store/snapshot.py": [
        (".replace(chr(39), chr(39) * 2)", ""),
        ("if version != SCHEMA_VERSION:", "if version is None or version < SCHEMA_VERSION:"),
    ],
    "api/store/changes.py": [('ONLY_WHEN = {"predicted_at"}', 'ONLY_WHEN = {"predicted_at", "lifecycle"}')],
    "api/routes/summary.py": [
        ("columns.by_value[:10]", "columns.by_value[:9]"),
        ("if total_of_all > 0 else", "if total_of_all >= 0 else"),
        ("timedelta(days=days)", "timedelta(days=days - 1)"),
    ],
    "api/metrics.py": [("limits.add_metric([limit.name], limit.at_once)", "limits.add_metric([limit.name], number)")],
    "api/middleware/limits.py": [
        ('{"Retry-After": "1"}', "{}"),
        ('environ["api.large_body"] = policy.large_body', 'environ["api.large_body"] = False'),
    ],
    "api/static/overview.js": [
        ('(reason === "left_out") === wanted', '(reason !== "left_out") === wanted'),
        ("new Date(`${build.built_at}Z`)", "new Date(build.built_at)"),
        ("hours < 48 ?", "hours < 24 ?"),
        ("sum + found.lines, 0)", "found.lines, 0)"),
    ],
    "api/static/changes.js": [("found.slice(0, 5)", "found.slice(-5)")],
    "api/static/tenths.js": [
        ('decile === 10 ? "last"', 'decile === 9 ? "last"'),
        ("&limit=50${cursor ?", "&limit=50${false ?"),
        ("${money(tenth.min_clv)} to ${money(tenth.max_clv)}", "${money(tenth.max_clv)} to ${money(tenth.min_clv)}"),
    ],
    "api/static/format.js": [
        ("Math.floor((Date.now()", "Math.ceil((Date.now()"),
        ('notation: "compact", ', ""),
        ('toLocaleDateString(undefined, { ...style, timeZone: "UTC" })', "toLocaleDateString(undefined, { ...style })"),
        ("getTime() + days * 86400000", "getTime() + (days - 1) * 86400000"),
    ],
    "api/static/segments.js": [('of(tier, "new").share', 'of(tier, "slipping").share')],
    "api/static/customer.js": [('["Largest order", money], max_num_items', '["Largest order", whole], max_num_items')],
    "api/log.py": [
        ("datetime.fromtimestamp(record.created, UTC).isoformat", "datetime.fromtimestamp(record.created).isoformat"),
        ('request.environ.get("api.request_id")', 'request.environ.get("request_id")'),
    ],
    "api/tokens.py": [
        ('scheme.lower() == "bearer"', 'scheme == "Bearer"'),
    ],
    "api/settings.py": [
        ("len(token) < SHORTEST_TOKEN", "len(token) <= SHORTEST_TOKEN"),
        (' or " " in token:', ":"),
        ("body_seconds: float = 20", "body_seconds: float = 200"),
    ],
    "api/middleware/auth.py": [
        ('if ":" in host and not host.endswith("]") else host', 'if ":" in host else host'),
    ],
    "api/middleware/cors.py": [
        (' and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ', ""),
    ],
    "api/routes/gzip.py": [
        ('request.accept_encodings["gzip"] <= 0', '"gzip" not in request.headers.get("Accept-Encoding", "")'),
    ],
    "pipeline/jobs/notify.py": [
        ('("http://", "https://")', '("http://",)'),
        ("problem = type(error).__name__", "problem = str(error)"),
        ("if attempt < ATTEMPTS - 1:", "if attempt < ATTEMPTS:"),
    ],
    "pipeline/jobs/inspector.py": [
        ("if process.returncode >= 0 else", "if process.returncode < 0 else"),
        ("MOST_SECONDS = 120", "MOST_SECONDS = 12"),
    ],
    "pipeline/jobs/children.py": [
        ('for name in (variable, f"CLV_{variable}")', "for name in (variable,)"),
    ],
    "pipeline/jobs/check.py": [
        ('"goes to ON_FAILURE" if settings.on_failure else', '"goes to ON_FAILURE" if not settings.on_failure else'),
    ],
    "api/policy.py": [
        ("return Policy(self._policies[rule.endpoint].who, None), None", "return CLOSED, None"),
    ],
    "api/middleware/__init__.py": [
        (
            "    handler = Encoding(handler)\n    handler = Auth(handler, policies, settings)\n",
            "    handler = Auth(handler, policies, settings)\n    handler = Encoding(handler)\n",
        ),
    ],
    "pipeline/sources/duckdb_file.py": [
        ("make_timestamp(epoch_us({column}))", "cast({column} as timestamp)"),
    ],
    "pipeline/commands/engine.py": [
        ("parts.port != 0 and ", ""),
    ],
    "deploy/systemd/clv-api.service": [
        ("UMask=0077", "UMask=0022"),
        ("LimitNOFILE=11000\n", ""),
    ],
    "deploy/systemd/clv-work.service": [
        ("Restart=always", "Restart=on-failure"),
        ("EnvironmentFile=-/etc", "EnvironmentFile=/etc"),
    ],
    "pipeline/settings.py": [
        ("replace(settings, json=None), changed)", "settings, changed)"),
        ('settings.mapping: "the mapping",', 'settings.mapping: "the orders",'),
    ],
    "pipeline/postgres.py": [
        ('    "could not translate host name": "See whether the name is right.",\n', ""),
        ('    "violates foreign key"', '    "violates no key"'),
    ],
    "pipeline/jobs/queue.py": [
        ('divider = "&" if "?" in address else "?"', 'divider = "?"'),
    ],
    "pipeline/jobs/schedule.py": [
        ("timedelta(microseconds=1)", "timedelta(seconds=1)"),
    ],
    "pipeline/orders/beside_orders.py": [
        ("2 * {money}) in", "{money}) in"),
    ],
    "api/static/charts.js": [
        ('width: width(one), height: "45%"', 'width: width(other), height: "45%"'),
        (
            "one.model_id === other.model_id && one.horizon_days === other.horizon_days",
            "one.model_id === other.model_id",
        ),
        ("(time(point.as_of_date) - start) / (end - start || 1)", "points.indexOf(point) / (points.length - 1 || 1)"),
        ("long = (Math.abs(bar.value) / range) * room", "long = (Math.abs(bar.value) / most) * room"),
    ],
    "api/static/cohorts.js": [
        ("worth: spent + ahead", "worth: spent"),
        ("Math.ceil(day.slice(5, 7) / 3)", "Math.floor(day.slice(5, 7) / 3)"),
    ],
    "api/static/page.js": [
        ("setInterval(load, 60000);", ""),
    ],
    "api/middleware/body_timeout.py": [
        ("SLOWEST = 1000", "SLOWEST = 100"),
    ],
    "api/__main__.py": [
        ("1 <= int(text) <= 65535", "0 <= int(text) <= 65535"),
        ("int(found[1]) * 1024 **", "int(found[1]) * 1000 **"),
    ],
    "pipeline/orders/source.py": [
        ('    ".ndjson": "json",\n', ""),
        ("        if old != new:\n", "        if old[1] != new[1]:\n"),
        ('path.name[0] not in "._~"', 'path.name[0] not in "._"'),
        ('if not name.endswith("/") and not name.startswith("__MACOSX/")', 'if not name.endswith("/")'),
        ("self._lf if self._lf > 1 or", "self._lf if self._lf > 0 or"),
    ],
    "pipeline/orders/excel.py": [
        ("abs(cell) < 1e15", "abs(cell) < 1e9"),
        ("cells[column - left] = failed", "cells[column] = failed"),
    ],
    "api/static/ask.js": [
        ("onShare(loaded / total)", "onShare(total / loaded)"),
    ],
    "api/static/outcome.js": [
        ('off > 0 ? "high" : "low"', 'off > 0 ? "low" : "high"'),
    ],
    "pipeline/orders/decide/first_lines.py": [
        ("len(following) * 100 <= len(rows)", "len(following) * 10 <= len(rows)"),
    ],
    "pipeline/orders/decide/columns.py": [
        ("missing * 100 >", "missing * 100 >="),
    ],
    "pipeline/orders/text.py": [
        ("for run in runs) * 100 >= len", "for run in runs) * 100 > len"),
    ],
    "pipeline/orders/mapping.py": [
        ("content[key] = [*before, *value]", "content[key] = value"),
    ],
    "pipeline/orders/dialect.py": [
        ("return all(int(after) == int(before) + 1 for before, after in pairwise(numbers))", "return True"),
    ],
    "pipeline/orders/reading.py": [
        ("coalesce(trim({column}) in (", "coalesce({column} in ("),
    ],
    "pipeline/orders/numbers.py": [
        ('terms.append(number if after == "*" else or_nothing)', "terms.append(number)"),
        ("two_signs = f\"regexp_matches({text}, '[-+−].*[-+−]')\"", "two_signs = 'false'"),
        ('found.pop("$", None)', "pass"),
    ],
    "deploy/compose.yaml": [
        ('"127.0.0.1:5000:5000"', '"5000:5000"'),
        ("readers: {file: ../secrets/readers.txt}", "readers: {file: ../secrets/uploaders.txt}"),
        ('"no-new-privileges:true"', '"no-new-privileges:false"'),
        ("  restart: unless-stopped\n", ""),
    ],
    "deploy/Dockerfile": [
        ("5000/health'", "5000/healthz'"),
        (" CLV_HOST=0.0.0.0", ""),
        ("CLV_WAREHOUSE=/data/warehouse", "CLV_WAREHOUSE=/opt/clv/warehouse"),
        (" --require-hashes", ""),
    ],
    "Makefile": [
        ("bench-size.takes := LINES\n", "bench-size.takes := LINES JSON\n"),
        ("--memory 4 --repeats", "--memory 8 --repeats"),
        ("--disable-pip-version-check --require-hashes", "--disable-pip-version-check"),
        ("ruff format --check .", "ruff format ."),
        ("train: $(VENV)/train $(asked", "train: $(VENV)/runtime $(asked"),
        ("\t@$(BIN)/mypy\n", ""),
        ("export DO_NOT_TRACK := 1\n", ""),
    ],
    "predictor/training/season.py": [
        ("timedelta(self.days[-1])", "timedelta(self.days[-2])"),
    ],
    "predictor/training/plots.py": [
        ("axes.scatter(predicted, actual, s=22", "axes.scatter(actual, predicted, s=22"),
        ('row["predicted"] for row in rows], 0.38', 'row["actual"] for row in rows], 0.38'),
        ("np.argsort(-test.predicted", "np.argsort(test.predicted"),
    ],
    "predictor/options.py": [
        ("[PREFIX + variable, variable]", "[variable, PREFIX + variable]"),
    ],
    "predictor/settings.py": [
        ('"K": 2**10', '"K": 10**3'),
        ("if not 0 < number <", "if not 0 <= number <"),
        ('cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else', "cores ="),
        ("timeout: float = 300.0", "timeout: float = 30.0"),
    ],
    "predictor/remedies.py": [
        ("math.ceil(2 * settings.timeout)", "math.ceil(settings.timeout)"),
    ],
    "predictor/versions.py": [
        ("if since <= _parts(version, 2)]", "if since < _parts(version, 2)]"),
        ("package.parts if runs else max(package.parts, 1)", "package.parts"),
    ],
    "predictor/registration.py": [
        ("raise failures[0]", "raise failures[-1]"),
        ('key=lambda python: int(python.partition(".")[2])', "key=str"),
        (" or len(set(carried)) < len(carried):", ":"),
        ('return [*found, Doubt("model_fails_on_customers", text, {})]', "return found"),
        ('"numpy", *inspection.packages)', '"numpy")'),
        ("registered_at=datetime.now(UTC)", "registered_at=datetime.now()"),
    ],
    "predictor/sandbox/pickle_reader.py": [
        ("operand > 5 for", "operand > 6 for"),
        ("PRECALL not in instructions", "PRECALL in instructions"),
        ("if len(self._names) < MOST_NAMES:", "if True:"),
    ],
    "pipeline/warehouse/parquet.py": [
        ("customer_id < $next)", "customer_id <= $next)"),
        ("customers > one_file and", "customers >= one_file and"),
        ("errno.ENOTSUP, errno.EXDEV, ", "errno.ENOTSUP, "),
        (' if not path.name.startswith((".", "_"))', ""),
    ],
    "pipeline/events/json_lines.py": [
        ('path.open("w", encoding', 'path.open("a", encoding'),
        ("with suppress(OSError):  # a disk", "with suppress(ValueError):  # a disk"),
    ],
    "pipeline/events/model_log.py": [
        ('mode="w", encoding', 'mode="a", encoding'),
    ],
    "pipeline/events/warnings.py": [
        ("if self._strict and each.code not in self._silenced:", "if self._strict:"),
    ],
    "pipeline/warehouse/files.py": [
        ("if os.fstat(writable.fileno()).st_size != size:", "if False:"),
    ],
    "pipeline/training/plan.py": [
        ("dates.schedule(first, last - timedelta(horizon), horizon)", "dates.schedule(first, last, horizon)\n    "),
        ("(last - first).days + 1:", "(last - first).days:"),
    ],
    "pipeline/training/registering.py": [
        ("metrics[name] / mean if", "metrics[name] if"),
        ('"trained_from": content["first_order"]', '"trained_from": content["trained_as_of"]'),
        ("shutil.copyfile(unfinished, beside)", "shutil.copyfile(unfinished, target); beside.touch()"),
    ],
    "pipeline/training/summary.py": [
        ("each['calibration'], '.2f'", "each['gini'], '.2f'"),
    ],
    "predictor/manifest.py": [
        ('self.training.get("recipe") != RECIPE', '"recipe" not in self.training'),
        (" if name in known})", "})"),
    ],
    "predictor/model.py": [
        (
            "with replacing(path) as beside:\n            beside.write_bytes(self.pickled)",
            "path.write_bytes(self.pickled)",
        ),
    ],
    "dbt_project/macros/settings.sql": [
        ("not 1 <= given | int <= highest", "not 1 <= given | int < highest"),
        ("given | float > highest", "given | float >= highest"),
    ],
    "dbt_project/models/marts/_marts.yml": [
        ("and purchase_days_365 <= frequency + 1", "and purchase_days_365 <= frequency + 2"),
        ("and clv_lower between 0 and clv_upper,", "and clv_lower >= 0,"),
        ("clv_percentile <= 1 and clv_decile", "clv_percentile < 1 and clv_decile"),
    ],
    "dbt_project/tests/generic/columns_are_as_declared.sql": [
        ("{{ 'false' if declared | sort == there | sort else 'true' }}", "false"),
    ],
    "dbt_project/tests/generic/expression_is_true.sql": [
        (" or ({{ expression }}) is null", ""),
    ],
    "dbt_project/models/staging/base_orders.sql": [
        ("when left_out then", "when left_out and clean_customer_id is not null then"),
    ],
}


def all_chosen() -> tuple[list[Mutant], list[str]]:
    """Those that have their one place in the code, and what is to be told of the others: they cannot be made."""
    mutants: list[Mutant] = []
    lost: list[str] = []
    for file, changes in CHOSEN.items():
        text = (ROOT / file).read_text("utf-8") if (ROOT / file).exists() else ""
        for before, after in changes:
            if text.count(before) == 1:
                start = text.index(before)
                mutants.append(Mutant(file, start, start + len(before), after))
            else:
                lost.append(f"{file} has {text.count(before)} places for a mistake in: {' '.join(before.split())}")
    return mutants, lost
