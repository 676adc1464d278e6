// Package testdb gives tests real servers: private, throw-away PostgreSQL,
// PgBouncer and Redis processes on the loopback interface. Only tests import it.
//
// A package that uses it has one line of TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }
//
// and then asks for what it needs: [Postgres] for an empty database on a server
// that all tests of the binary share, [StartPostgres] for a server of its own
// that the test may stop, kill and freeze, [Redis] and [StartRedis] likewise, and
// [StartPgBouncer] for a pooler in front of a database. [Promtool] checks what is
// written for Prometheus, and [Chromium] says where the browser is.
//
// Where the servers' programs are missing, a test that asks is skipped and says
// so. With EVENTAGG_TEST_SERVERS=required, which scripts/test sets, it fails
// instead: what is meant to run everything must not leave anything out.
//
// Data is kept below $EVENTAGG_TEST_DIR, or the system's folder for temporary
// files. It is removed at the end unless a test failed: then the database stays,
// and the test's log has the command that serves it again. As root, servers run
// as the unprivileged user postgres or nobody, since PostgreSQL refuses root.
//
// A server does not outlive the test binary, however that ends: the kernel
// signals it when the thread that started it is gone, and that thread is kept
// for as long as the server runs. This needs Linux.
package testdb
