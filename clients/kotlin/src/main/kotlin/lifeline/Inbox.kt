package lifeline

import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.nio.file.StandardCopyOption.REPLACE_EXISTING
import lifeline.api.fragment.DeliveryFields

private const val idsAtMost = 512

/**
 * What one stream has seen, kept in a file, because phones end processes whenever they like. Not for several threads at once.
 *
 * On Android this is a row of the app's database, written in the transaction that stores what the event said.
 */
class Inbox(private val file: Path) {
  private val ids = LinkedHashSet<String>()
  private var sequence = 0

  /** Behind the newest event that was handled; null before the first. */
  var cursor: String? = null
    private set

  init {
    if (Files.exists(file)) {
      val lines = Files.readAllLines(file)
      sequence = lines[0].toInt()
      cursor = lines[1].ifEmpty { null }
      ids.addAll(lines.drop(2))
    }
  }

  operator fun contains(delivery: DeliveryFields) = delivery.id in ids

  /**
   * @param advance whether the cursor may go on; a repeat of an old event, handled late, never takes it back
   */
  fun remember(delivery: DeliveryFields, advance: Boolean) {
    val number = delivery.sequence ?: return // best effort: never sent again, and its cursor is that of the event before
    ids.add(delivery.id)
    if (ids.size > idsAtMost) ids.remove(ids.first())
    if (advance && number > sequence) {
      sequence = number
      cursor = delivery.cursor
    }
    save()
  }

  /** Goes on behind a page. The next event's sequence is higher than that of every event in the page. */
  fun moveTo(endCursor: String) {
    if (cursor == endCursor) return
    cursor = endCursor
    save()
  }

  /** The log that the cursor belongs to is gone, and with it its numbers. The ids stay: what is fed again keeps its own. */
  fun startAgain() {
    sequence = 0
    cursor = null
    save()
  }

  private fun save() {
    val lines = listOf(sequence.toString(), cursor.orEmpty()) + ids
    val next = file.resolveSibling("${file.fileName}.next")
    Files.write(next, lines)
    Files.move(next, file, ATOMIC_MOVE, REPLACE_EXISTING) // a process that ends here leaves the old file or the new one
  }
}
