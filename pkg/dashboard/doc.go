// Package dashboard is the page that shows an eventagg server to people: totals
// and rates, topics, events as they are stored, health. It is one answer,
// embedded in the program; the browser loads nothing else but the server's own
// data:
//
//	page ──/stats, /stats/series, /stats/topics, /readyz──▶ polled while the tab is shown
//	  └──/events/stream────────────────────────────────────▶ followed, and resumed where it broke off
//
// The folder page has it in parts that are put together as they are: markup,
// style, and scripts that share one module, so that their order matters:
//
//	texts.js   every text in English and Indonesian, and how numbers and times are written
//	page.js    elements, what is shown, language and theme
//	json.js    JSON as text, since a browser rounds long numbers
//	link.js    whether the server is reached; requests and polls
//	stats.js   totals, their history and health
//	chart.js   the chart of that history
//	topics.js  the table
//	events.js  the list
//	main.js    the stream, and the beginning
//
// What services publish is hostile until proven otherwise. It gets into the page
// as text alone, never as markup; the page's Content-Security-Policy allows just
// its own script and style by their hashes, no other origin, and no assignment of
// markup (Trusted Types), so that a mistake here stays a mistake of looks.
package dashboard
