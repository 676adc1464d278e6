package loadgen

import (
	"context"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
)

func BenchmarkGenerator(b *testing.B) {
	g := mustGenerator(b, GeneratorOptions{DupRate: 0.3, Seed: 1})
	b.ReportAllocs()
	slot := int64(0)
	for b.Loop() {
		k, _ := g.Slot(slot)
		_ = g.Event(k)
		slot++
	}
}

// BenchmarkRunner measures the cost of an event without its target.
func BenchmarkRunner(b *testing.B) {
	for name, ledger := range map[string]*Ledger{"plain": nil, "ledger": {}} {
		b.Run(name, func(b *testing.B) {
			outcomes := []event.Outcome{event.Stored}
			target := appendFunc(func(context.Context, []event.Event) ([]event.Outcome, error) { return outcomes, nil })
			g := mustGenerator(b, GeneratorOptions{Count: int64(b.N), DupRate: 0.3 * float64(min(b.N-1, 1))})
			r := New(target, g.Source(), Options{Ledger: ledger})
			b.ReportAllocs()
			b.ResetTimer()
			report, err := r.Run(context.Background())
			if err != nil || report.Stored != int64(b.N) {
				b.Fatal(report, err)
			}
		})
	}
}

func BenchmarkFile(b *testing.B) {
	line := eventLine("0197a9f0-0000-7000-8000-000000000000", `{"seq":1,"note":"`+strings.Repeat("x", 100)+`"}`) + "\n"
	f, err := NewFile(strings.NewReader(strings.Repeat(line, b.N)), FileOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	b.ReportAllocs()
	b.ResetTimer()
	var batch Batch
	for range b.N {
		if err := f.Next(context.Background(), &batch, 1); err != nil || len(batch.Items) != 1 {
			b.Fatal(len(batch.Items), err)
		}
	}
}
