<?php
namespace App\Shapes;

use App\Base\{Thing, Other as O};
use function App\helper;
require_once 'lib.php';

const LIMIT = 3;
$config = ['a' => 1];

/**
 * A shape.
 */
#[Entity]
abstract class Shape extends Base implements Drawn, \Countable
{
    use Loggable;
    const MAX = 1;
    public ?string $name = null;
    private static $count, $other;

    public function __construct(private readonly int $size, $plain) { parent::__construct(); }

    /** Area. */
    #[Pure]
    public static function area(Unit $u, array &$out = []): ?float
    {
        $f = function ($x) { return $x; };
        return $this->helper($u)?->more() + self::make() + strlen("x") + new Point(1);
    }

    abstract protected function draw(): void;
}

interface Drawn { public function paint(); }
trait Loggable { private function log() {} }
enum Color: string { case Red = 'r'; public function label() { return 1; } }
function top(int|string $a): never { exit; }
?>
<b><?= $x ?></b>
<?php
function broken( {
