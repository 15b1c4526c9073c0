"""What the public tests say: for each finding its code, what it means, and one hint.

The words name what is wrong and where to look, never the line to write. `diagnosis.py` decides
which finding applies and fills in the fields in braces.
"""

# code: (what was found and what was expected, hint)
MESSAGES = {
    # The function itself
    "wrong-name": (
        "There is no function {name}.",
        "Was the function renamed or deleted, or has its cell not been run yet?",
    ),
    "not-a-function": (
        "{name} is of type {type}, expected a function.",
        "Does another line use the same name? Run the cell of the exercise again.",
    ),
    "changed-parameters": (
        "The function cannot be called with layers_dims as its only argument.",
        "Leave the line that starts with def as it was given.",
    ),
    "mutates-input": (
        "The function changes the list layers_dims that it was given, expected it to stay as it "
        "was.",
        "Only read from layers_dims; whoever calls the function still needs the list.",
    ),
    # Exceptions
    "number-as-dtype": (
        "{where} NumPy was given a size where it expects a data type.",
        "np.zeros takes the whole shape as one argument: rows and columns together in a tuple.",
    ),
    "tuple-as-number": (
        "{where} A tuple or list was given where a single whole number is expected.",
        "np.random.randn takes rows and columns as two separate arguments, unlike np.zeros.",
    ),
    "float-as-size": (
        "{where} A size or a counter must be a whole number, and this one is a float.",
        "The division / always gives a float.",
    ),
    "argument-count": (
        "{where} A function was called with too many or too few arguments.",
        "Compare the call in this line with the definition or the documentation of the function.",
    ),
    "text-plus-number": (
        "{where} A string and a number cannot be joined with +.",
        "A key is made of a letter and a number; turn the number into a string first.",
    ),
    "not-callable": (
        "{where} Round brackets follow something that is not a function.",
        "Square brackets take an entry of a list, and a product needs its * sign.",
    ),
    "without-entries": (
        "{where} Square brackets follow something that has no entries.",
        "Which variable in this line should be a list, a dict or an array, and what is it?",
    ),
    "operand-types": (
        "{where} The two sides of an operator do not fit together.",
        "A list is not a number: take one entry of it.",
    ),
    "index-out-of-range": (
        "{where} It asks for an entry that the list does not have.",
        "Entries are counted from 0. What is the largest index that your loop asks for?",
    ),
    "unknown-name": (
        "{where} It uses a name that has no value at this point.",
        "Look for a typo; everything that the function needs comes in as its argument.",
    ),
    "missing-key": (
        "{where} It reads a key that the dictionary does not have.",
        "Store a value under a key before you read it, and compare the spelling of both.",
    ),
    "unknown-attribute": (
        "{where} What stands before the dot has nothing of the name that stands after it.",
        "Look for a typo after the dot.",
    ),
    "shapes-do-not-fit": (
        "{where} The shapes of two arrays do not fit together.",
        "Print the shapes of the arrays in this line.",
    ),
    "division-by-zero": (
        "{where} It divides by zero.",
        "Which number in this line can be zero?",
    ),
    "endless-recursion": (
        "{where} The function calls itself without end.",
        "A loop over the layers is enough; the function need not call itself.",
    ),
    "exits": (
        "{where} It tells Python to stop.",
        "Remove the call that exits: a function hands its result back with return.",
    ),
    "raises": (
        "{where}",
        "Read the line once more, then run it in small steps.",
    ),
    # The dictionary
    "returns-none": (
        "The function returned None, expected a dictionary of arrays.",
        "Printing a result does not hand it back: the function ends with a return.",
    ),
    "not-a-dict": (
        "The function returned a value of type {type}, expected a dictionary of arrays (dict).",
        "Store each array in the dictionary `parameters` under its key, and return that.",
    ),
    "nothing-stored": (
        "The function returned an empty dictionary, expected the arrays W1, b1, W2, b2, ...",
        "Is the marked part of the cell filled in, has the cell been run since then, and does it "
        "store each array under its key?",
    ),
    "dims-ignored": (
        "Whatever layers_dims is, the function returns arrays of the same shapes.",
        "Take every size from the argument layers_dims: no fixed numbers, no variable of the "
        "notebook.",
    ),
    "missing-last-layer": (
        "The last layer is missing.",
        "Write down the values that your loop counter takes. Where does range stop?",
    ),
    "only-first-layer": (
        "Only the first layer came back.",
        "Does the function return before the loop has finished? Look at the indentation.",
    ),
    "only-last-layer": (
        "Only the last layer came back.",
        "Is the dictionary emptied in each round of the loop?",
    ),
    "missing-first-layer": (
        "The first layer is missing.",
        "Write down the values that your loop counter takes. Where does range start?",
    ),
    "keys-from-zero": (
        "The layers are counted from 0; the first one should be W1 and b1.",
        "The input is layer 0 and has no weights.",
    ),
    "one-layer-too-many": (
        "There is one layer too many.",
        "A list of L + 1 sizes describes L layers that have weights.",
    ),
    "missing-biases": (
        "The biases are missing.",
        "Each layer has two arrays: W and b.",
    ),
    "missing-weights": (
        "The weights are missing.",
        "Each layer has two arrays: W and b.",
    ),
    "keys-not-text": (
        "The keys must be strings (str) such as 'W1', and some of them are not.",
        "A key is made of the letter and the number of the layer, joined into one string.",
    ),
    "keys-case": (
        "Capital and small letters of the keys are mixed up.",
        "Python tells capital and small letters apart: weights are W, biases are b.",
    ),
    "keys-spelling": (
        "In a key the number must follow the letter directly, with nothing around them.",
        "Print the keys and compare them, character by character, with the expected ones.",
    ),
    "keys-without-number": (
        "The keys do not contain the number of the layer, so each layer replaces the one before.",
        "Join the letter with the value of the loop counter, not with its name.",
    ),
    "extra-keys": (
        "There are keys that should not be there.",
        "Start with an empty dictionary inside the function; store W and b of each layer, and "
        "nothing else.",
    ),
    "wrong-keys": (
        "The keys are not those of the layers.",
        "Each layer that has weights needs one W and one b, numbered from 1.",
    ),
    # Types and shapes
    "list-not-array": (
        "{key} is a list, expected a NumPy array (numpy.ndarray).",
        "np.zeros and np.random.randn make arrays; keep what they give you.",
    ),
    "not-an-array": (
        "{key} is of type {type}, expected a NumPy array (numpy.ndarray).",
        "np.zeros and np.random.randn make arrays; keep what they give you.",
    ),
    "integer-dtype": (
        "{key} holds whole numbers ({type}), expected float64.",
        "Leave the data type alone: what np.zeros and np.random.randn choose is right.",
    ),
    "wrong-dtype": (
        "{key} holds numbers of type {type}, expected float64.",
        "Leave the data type alone: what np.zeros and np.random.randn choose is right.",
    ),
    "transposed": (
        "Rows and columns of the weights are exchanged.",
        "W has one row for each unit of this layer, one column for each unit of the previous one.",
    ),
    "weight-shape": (
        "The weights {key} do not have the shape that their layer needs.",
        "W has one row for each unit of this layer, one column for each unit of the previous one.",
    ),
    "bias-flat": (
        "The biases have one dimension, expected two: a column.",
        "b has one row for each unit of this layer, and one column.",
    ),
    "bias-row": (
        "The biases are rows, expected columns.",
        "b has one row for each unit of this layer, and one column.",
    ),
    "bias-of-previous-layer": (
        "The biases have the size of the previous layer.",
        "b has one row for each unit of this layer, and one column.",
    ),
    "bias-shape": (
        "The biases {key} do not have the shape that their layer needs.",
        "b has one row for each unit of this layer, and one column.",
    ),
    # Values
    "not-finite": (
        "{key} contains nan or infinite values.",
        "Look for a division by zero, the root of a negative number, or an array that is never "
        "filled.",
    ),
    "no-seed": (
        "The weights differ from one call to the next, expected the same numbers every time.",
        "The generator must start at the given seed inside the function, before the first draw.",
    ),
    "not-repeatable": (
        "Two calls with the same layers_dims give different results.",
        "The result may depend on layers_dims only, not on anything outside the function.",
    ),
    "bias-constant": (
        "Every bias is {value}, expected 0.",
        "Biases may start at zero; nothing needs to break their symmetry.",
    ),
    "nonzero-bias": (
        "The biases are not zero.",
        "Biases start at zero. Numbers drawn for them also shift the weights that follow.",
    ),
    "weights-not-zero": (
        "The weights are not zero.",
        "This exercise draws nothing: all weights and biases start at zero.",
    ),
    "weights-zero": (
        "All weights are zero, expected random numbers.",
        "Weights that are all alike stay alike: draw each one at random.",
    ),
    "weights-alike": (
        "All entries of a W are the same number, expected a random number for each.",
        "Weights that are all alike stay alike: draw each one at random.",
    ),
    "values-differ": (
        "The values of {key} differ from the expected ones, in a way that this test cannot name.",
        "Follow the exercise step by step: what is drawn, in which order, and what it is "
        "multiplied by.",
    ),
    # Scale: the right random numbers, times something else
    "scale-missing": (
        "The random numbers are right, but they are not multiplied by anything.",
        "Which factor does the exercise ask for?",
    ),
    "scale-he": (
        "The weights have the scale of He initialization, expected large ones.",
        "Which factor does this exercise ask for?",
    ),
    "scale-ten": (
        "The weights are multiplied by 10, as in the exercise on large weights.",
        "He initialization uses a factor that depends on the layer instead.",
    ),
    "large-scale-kept": (
        "The weights are 10 times the expected ones: the factor of the exercise on large weights "
        "is still there.",
        "The factor of He initialization stands alone.",
    ),
    "scale-xavier": (
        "The scale is that of Xavier initialization: the variance is 1 / n, expected 2 / n.",
        "Compare the two formulas: what stands above the fraction line for ReLU layers?",
    ),
    "scale-fan-out": (
        "The scale uses the number of units of this layer, expected that of the previous one.",
        "The weighted sum of a unit runs over the units of the previous layer.",
    ),
    "scale-root-missing": (
        "The factor is 2 / n, expected its square root.",
        "2 / n is the variance; which operation turns it into a standard deviation?",
    ),
    "scale-partial-root": (
        "The factor is 2 / sqrt(n): the root covers a part of the fraction only.",
        "Where does the root in the formula end?",
    ),
    "scale-divided": (
        "The random numbers are divided by the factor, expected a multiplication.",
        "The more units the previous layer has, the smaller the weights should be.",
    ),
    "scale-small": (
        "Every weight is {ratio} times the expected one: too small.",
        "The random numbers are right; compare the factor with the exercise.",
    ),
    "scale-large": (
        "Every weight is {ratio} times the expected one: too large.",
        "The random numbers are right; compare the factor with the exercise.",
    ),
    "scale-negative": (
        "Every weight is {ratio} times the expected one: the sign is wrong.",
        "The random numbers are right; compare the factor with the exercise.",
    ),
    "scale-other": (
        "The random numbers are right, but the factor in front of them is {formula}.",
        "Compare the factor with the exercise.",
    ),
    "scale-glorot": (
        "The scale uses the sum of the units of both layers (Glorot initialization).",
        "In this exercise the size of this layer plays no part in the factor.",
    ),
    "scale-varies": (
        "Each W is a multiple of the expected one, but not the same multiple in each layer.",
        "The random numbers are right; what does your factor depend on?",
    ),
    # Entries: the right numbers, each changed in the same way
    "absolute-values": (
        "The weights have lost their signs.",
        "About half of the weights should be negative.",
    ),
    "rounded": (
        "The weights are rounded.",
        "Keep all digits that the generator gives.",
    ),
    "imprecise": (
        "Only the first digits of the weights are right.",
        "Let Python compute every number, in float64.",
    ),
    "shifted-mean": (
        "Every weight is the expected one plus {shift}.",
        "The weights are drawn around zero.",
    ),
    "some-entries-differ": (
        "Some entries of {key} are right and others are not.",
        "Which line changes W after it was drawn, or fills only a part of it?",
    ),
    # Draw: which random numbers, and where
    "drawn-transposed": (
        "The right numbers fill each W column by column, expected row by row.",
        "Draw W in its final shape, rows first; then nothing needs to be transposed.",
    ),
    "drawn-in-other-order": (
        "The right numbers were drawn, but they stand in other places.",
        "Draw layer by layer, from the first to the last, each W in one call.",
    ),
    "reseeded": (
        "The generator starts again for every layer.",
        "How many times is the generator seeded: once, or in each round of the loop?",
    ),
    "extra-draw": (
        "The numbers come from later in the random stream: something else draws before or between "
        "the weights.",
        "After the seed, draw the weights of each layer and nothing else.",
    ),
    "wrong-after-first-layer": (
        "W1 is right, but the layers after it hold other numbers.",
        "What happens between the first and the second round of the loop? Only weights may be "
        "drawn, and the generator is seeded once.",
    ),
    "uniform": (
        "The numbers are drawn from a uniform distribution, expected a normal one.",
        "The last letter matters: np.random.rand is uniform between 0 and 1, np.random.randn is "
        "normal.",
    ),
    "other-seed": (
        "The numbers are those of seed {seed}, expected those of seed 3.",
        "Leave the line with the seed as it was given.",
    ),
    # Distribution of a large network
    "repeated-numbers": (
        "The same numbers occur several times in a large {key}.",
        "Each entry of W is a random number of its own.",
    ),
    "other-distribution": (
        "The numbers in {key} do not look like draws from a normal distribution around zero: a "
        "large {key} has mean {mean} and standard deviation {spread}.",
        "The exercise names the NumPy function that draws the numbers.",
    ),
    "other-stream": (
        "The weights are spread as they should be, but they are not the numbers that np.random "
        "gives after seed 3.",
        "Does another random call come first, is the seed the given one, and is it "
        "np.random.randn that draws?",
    ),
    "other-spread": (
        "The weights look like draws from a normal distribution, but they are not the expected "
        "numbers, and their spread is about {first} times the expected one in a large W1, "
        "{second} times in a large W2.",
        "Check both: how the numbers are drawn, and what they are multiplied by.",
    ),
}
