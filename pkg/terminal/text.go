package terminal

import (
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/rivo/uniseg"

	"github.com/eventagg/eventagg/pkg/api"
)

// Count formats a number with thousands separators: 20,000.
func Count(n int64) string { return humanize.Comma(n) }

// Bytes formats a size, such as 1.5 MiB.
func Bytes(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// Events formats a number of events: "1 event", "20,000 events".
func Events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return Count(n) + " events"
}

// Rate formats events per second: "18,204/s", or "0.2/s" below 100.
func Rate(perSecond float64) string {
	switch {
	case math.IsNaN(perSecond) || math.IsInf(perSecond, 0):
		return "-"
	case perSecond < 100:
		return fmt.Sprintf("%.1f/s", perSecond)
	default:
		return humanize.Comma(int64(math.Round(perSecond))) + "/s"
	}
}

// Time formats a time in UTC with milliseconds.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000Z") }

// percent formats a part of a whole: "30.0 %".
func percent(part, whole int64) string {
	if whole <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", float64(part)*100/float64(whole))
}

// Printable is [api.Printable].
func Printable(text string) string { return api.Printable(text) }

// shorten cuts a text to a number of columns and ends it with an ellipsis. It
// never cuts within a grapheme cluster.
func shorten(text string, columns int) string {
	if len(text) <= columns || uniseg.StringWidth(text) <= columns {
		return text
	}
	var kept strings.Builder
	room, state := columns-1, -1
	for text != "" {
		var cluster string
		var width int
		cluster, text, width, state = uniseg.FirstGraphemeClusterInString(text, state)
		if width > room {
			break
		}
		room -= width
		kept.WriteString(cluster)
	}
	return kept.String() + "…"
}

// paint gives a text the colour of a topic, which is the same in every run. All
// colours are readable on dark and on light backgrounds.
func paint(text, topic string) string {
	colours := [...]int{33, 37, 64, 125, 136, 160, 166, 61, 28, 94, 133, 67}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(topic)) // it never fails
	return fmt.Sprintf("\x1b[38;5;%dm%s\x1b[39m", colours[hash.Sum32()%uint32(len(colours))], text)
}
