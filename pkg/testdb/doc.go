// Package testdb starts real servers for tests: private, temporary PostgreSQL,
// PgBouncer and Redis processes on the loopback interface. It is internal, and
// only tests import it.
//
// A package that uses it has one line of TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }
//
//	                one server for all tests      a server for one test, which
//	                of the binary                 may stop, freeze or crash it
//	PostgreSQL      [Postgres]: empty database    [StartPostgres]
//	                [MigratedPostgres]: clone
//	                of a migrated database
//	Redis           [Redis]: a key prefix         [StartRedis]
//	PgBouncer                                     [StartPgBouncer]
//
// Use the shared server unless the test needs its own: a clone costs
// milliseconds, a server a second or two. [Promtool] checks files for Prometheus,
// and [Chromium] finds the browser.
//
// If a program is not installed, the test is skipped and the message names the
// program. With EVENTAGG_TEST_SERVERS=required the test fails instead.
// scripts/test sets that, so that it leaves nothing out.
//
// EVENTAGG_TEST_POSTGRES_BIN selects another PostgreSQL version: it names the
// folder that contains initdb and postgres. No other program is needed there.
//
// Data is kept below $EVENTAGG_TEST_DIR. By default that is /dev/shm if it has
// 2 GiB free, and the folder for temporary files otherwise: in memory a database
// is cloned in 6 ms, on a slow disk in 180 ms. The data is removed at the end
// unless a test failed. Then it stays, and the test's log has the command that
// serves it again. As root, servers run as the unprivileged user postgres or
// nobody, because PostgreSQL refuses to run as root.
//
// A server never outlives the test binary, however the binary ends. The kernel
// signals the server when the thread that started it ends, and that thread waits
// as long as the server runs. This needs Linux.
package testdb
