"""The engines that are measured, through the thinnest clients there are: libpq by ctypes, and the embedded engine's own module."""
import csv
import ctypes
import ctypes.util
import os
import time

try:
    import ladybug
except ImportError:
    ladybug = None


class Timeout(Exception):
    """The statement was not done in time."""


class Postgres:
    """One connection, to the database `name`; PGHOST, PGPORT and PGUSER say where."""

    def __init__(self, name):
        self.pq = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
        for function in ("PQconnectdb", "PQexec", "PQprepare", "PQexecPrepared"):
            getattr(self.pq, function).restype = ctypes.c_void_p
        for function in ("PQerrorMessage", "PQresultErrorField", "PQgetvalue"):
            getattr(self.pq, function).restype = ctypes.c_char_p
        self.conn = ctypes.c_void_p(self.pq.PQconnectdb(f"dbname={name}".encode()))
        if self.pq.PQstatus(self.conn) != 0:
            raise RuntimeError(self.pq.PQerrorMessage(self.conn).decode())
        # Notices have no reader here.
        self.run("SET client_min_messages = warning")

    def close(self):
        self.pq.PQfinish(self.conn)

    def _checked(self, result):
        result = ctypes.c_void_p(result)
        if self.pq.PQresultStatus(result) in (1, 2):
            return result
        state = self.pq.PQresultErrorField(result, ord("C"))
        self.pq.PQclear(result)
        if state == b"57014":
            raise Timeout
        raise RuntimeError(self.pq.PQerrorMessage(self.conn).decode())

    def _rows(self, result):
        rows = [tuple(self.pq.PQgetvalue(result, row, column).decode() for column in range(self.pq.PQnfields(result)))
                for row in range(self.pq.PQntuples(result))]
        self.pq.PQclear(result)
        return rows

    def run(self, sql):
        """The rows of a statement."""
        return self._rows(self._checked(self.pq.PQexec(self.conn, sql.encode())))

    def prepared(self, name, sql):
        """A function that asks a prepared statement: it gives the seconds until the whole answer is here, and how to read its rows."""
        self.pq.PQclear(self._checked(self.pq.PQprepare(self.conn, name.encode(), sql.encode(), 0, None)))
        name = name.encode()

        def ask(*parameters):
            values = (ctypes.c_char_p * len(parameters))(*(str(parameter).encode() for parameter in parameters))
            began = time.perf_counter()
            result = self.pq.PQexecPrepared(self.conn, name, len(parameters), values, None, None, 0)
            seconds = time.perf_counter() - began
            return seconds, self._rows_later(self._checked(result))

        return ask

    def prepared_by_name(self, name, sql, argument):
        """The same by EXECUTE, for Apache AGE 1.5 misreads the parameters of the extended protocol; `argument` makes its one argument."""
        self.run(f"PREPARE {name} (agtype) AS {sql}")

        def ask(*parameters):
            text = f"EXECUTE {name}({argument(*parameters)})".encode()
            began = time.perf_counter()
            result = self.pq.PQexec(self.conn, text)
            seconds = time.perf_counter() - began
            return seconds, self._rows_later(self._checked(result))

        return ask

    def _rows_later(self, result):
        return Answer(self, result)

    def peak_memory(self):
        """The most memory that this connection's backend has held, in bytes, with the shared buffers that it touched; the server is on this machine."""
        pid = self.run("SELECT pg_backend_pid()")[0][0]
        with open(f"/proc/{pid}/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        return int(fields["VmHWM"].split()[0]) * 1024


class Answer:
    """The answer of a prepared statement; read it or drop it."""

    def __init__(self, connection, result):
        self.connection, self.result = connection, result

    def rows(self):
        rows, self.result = self.connection._rows(self.result), None
        return rows

    def size(self):
        """The bytes of all values, as they were sent, and the number of rows."""
        pq = self.connection.pq
        rows = pq.PQntuples(self.result)
        return sum(pq.PQgetlength(self.result, row, column) for row in range(rows) for column in range(pq.PQnfields(self.result))), rows

    def __del__(self):
        if self.result is not None:
            self.connection.pq.PQclear(self.result)


class Ladybug:
    """The embedded graph engine over the rows of walks.sql, with its own defaults: all cores, its cache in this process."""

    def __init__(self, folder, steps_file, timeout):
        began = time.perf_counter()
        nodes_file = os.path.join(folder, "nodes.csv")
        with open(steps_file, newline="") as steps, open(nodes_file, "w") as nodes:
            nodes.writelines(f"{node}\n" for node in sorted({int(row[0]) for row in csv.reader(steps)}))
        self.database = ladybug.Database(os.path.join(folder, "graph.lbug"))
        self.connection = ladybug.Connection(self.database)
        self.connection.execute("CREATE NODE TABLE Node (id INT64 PRIMARY KEY)")
        self.connection.execute("CREATE REL TABLE STEP (FROM Node TO Node, weight DOUBLE)")
        self.connection.execute(f'COPY Node FROM "{nodes_file}" (HEADER = false)')
        self.connection.execute(f'COPY STEP FROM "{steps_file}" (HEADER = false)')
        self.connection.set_query_timeout(int(timeout * 1000))
        self.load_seconds = time.perf_counter() - began

    def close(self):
        self.connection.close()
        self.database.close()

    def prepared(self, *queries):
        """A function that asks one or several queries; the seconds are those of all."""
        statements = [self.connection.prepare(query) for query in queries]

        def ask(**parameters):
            began = time.perf_counter()
            try:
                results = [self.connection.execute(statement, parameters) for statement in statements]
            except RuntimeError as error:
                if "nterrupt" in str(error) or "imeout" in str(error):
                    raise Timeout from error
                raise
            return time.perf_counter() - began, [result.get_all() for result in results]

        return ask
