package postgres

import (
	"os"
	"testing"

	"github.com/eventagg/eventagg/pkg/testdb"
)

func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }
