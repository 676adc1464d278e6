package redis

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/testdb"
)

func TestMain(m *testing.M) {
	// A pool that could not connect tries again each second. It notices only then that it
	// was closed.
	dialing := goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")
	os.Exit(testdb.Main(m, dialing))
}
