"""What the public tests say: for each diagnosis its code, what it means, and one hint.

The words name what is wrong and where to look, never the line to write. `diagnosis.py` decides
which of them applies and fills in the fields in braces.
"""

# code: (what was found and what was expected, hint)
MESSAGES = {
    # The function itself
    "wrong-name": (
        "There is no function {name}.",
        "Was the function renamed or deleted, or has its cell not been run yet?",
    ),
    "cell-not-run": (
        "No cell that defines {name} has been run.",
        "Run the cell of the exercise, then the test.",
    ),
    "cell-not-python": (
        "The cell of {name} was not run, because Python cannot read its line {line}, `{text}`: "
        "{error}.",
        "Correct this line or the one above it. Run the cell, then the test.",
    ),
    "cell-stopped": (
        "The cell of {name} stopped with an error before the function was ready.",
        "Read the error below that cell and correct it. Run the cell, then the test.",
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
        "The division / and np.sqrt always give a float. Does a factor stand inside the brackets "
        "of the call? It belongs behind them.",
    ),
    "argument-count": (
        "{where} A function was called with too many or too few arguments.",
        "Compare the call in this line with the definition or the documentation of the function.",
    ),
    "unknown-argument": (
        "{where} A function was given an argument by a name that it does not know.",
        "np.random.randn takes the sizes without names. For other functions look at their "
        "documentation.",
    ),
    "unpacked": (
        "{where} The left side has another number of names than the right side has values.",
        "Count both sides. What does one round of the loop, or the right side, give? Print it.",
    ),
    "text-plus-number": (
        "{where} A string and a number cannot be joined with +.",
        "A key is made of a letter and a number; turn the number into a string first.",
    ),
    "not-callable": (
        "{where} Round brackets follow something that is not a function.",
        "Look at what stands before each opening round bracket. Has a cell of the notebook given "
        "one of these names another value? Then restart the kernel.",
    ),
    "module-called": (
        "{where} A module is called as if it were a function.",
        "A module such as np.random holds functions. Which of them does the exercise name?",
    ),
    "entries-in-round-brackets": (
        "{where} Round brackets follow a list, a tuple or a dictionary.",
        "Square brackets take an entry. Has a cell given the name of a function to something "
        "else? Then restart the kernel (Kernel > Restart).",
    ),
    "number-called": (
        "{where} Round brackets follow a number or an array, as if it were a function.",
        "Is a * missing before the bracket? Or has a cell stored a number under the name of a "
        "function, as in np.random.seed = 3? Then restart the kernel (Kernel > Restart).",
    ),
    "without-entries": (
        "{where} Square brackets follow something that has no entries.",
        "Which variable in this line should be a list, a dict or an array, and what is it?",
    ),
    "number-in-loop": (
        "{where} A loop cannot run over a single number.",
        "range makes the numbers from a first one up to a last one.",
    ),
    "index-not-whole": (
        "{where} The index of a list must be a whole number.",
        "Print the index. Does it stand in quotes, or does a division make it a float?",
    ),
    "two-indices": (
        "{where} The index of a list must be one whole number, and this one is a tuple.",
        "A comma inside square brackets makes a tuple, and enumerate gives pairs. Each size needs "
        "the name of the list and one number in square brackets.",
    ),
    "function-in-square-brackets": (
        "{where} Square brackets follow a function.",
        "A function is called with round brackets.",
    ),
    "operand-types": (
        "{where} The values on the two sides of a sign cannot be combined.",
        "Print the type of both sides.",
    ),
    "comma-before-star": (
        "{where} A comma stands before the sign *.",
        "Two factors have only the * between them.",
    ),
    "comma-in-number": (
        "{where} A NumPy function was given an argument too many.",
        "Is there a comma where a decimal point or a fraction should be?",
    ),
    "caret": (
        "{where} In Python the sign ^ is not a power.",
        "A power is written with two stars: **. For a root there is also np.sqrt.",
    ),
    "no-number": (
        "{where} It computes with something that is neither a number nor an array of numbers.",
        "A number in quotes is text. A list must become an array before each entry can be "
        "multiplied.",
    ),
    "none-in-arithmetic": (
        "{where} One side of a sign is None.",
        "Which name in this line is None? Perhaps a line was not filled in, or a function returns "
        "nothing.",
    ),
    "list-in-arithmetic": (
        "{where} A list stands next to an arithmetic sign.",
        "Did you mean one entry of the list, or its length? Look at where each bracket closes.",
    ),
    "index-out-of-range": (
        "{where} It asks for an entry that the list does not have.",
        "Entries are counted from 0. What is the largest index that your loop asks for?",
    ),
    "seed-not-whole": (
        "{where} The seed must be a whole number.",
        "Write the seed as it was given: without a decimal point and without quotes.",
    ),
    "list-as-number": (
        "{where} A list or a tuple stands where a single whole number is expected.",
        "Did you mean one entry of the list? For the shape of an array each size is one number.",
    ),
    "list-in-range": (
        "{where} range was given a list, and needs whole numbers.",
        "How many layers are there? len counts the entries of a list.",
    ),
    "unknown-name": (
        "{where} The name {name} has no value at this point.",
        "Is it spelled in the same way everywhere, and does it get its value before this line? "
        "What the function needs comes in as its argument.",
    ),
    "quotes-missing": (
        "{where} Python reads {name} as the name of a variable, and there is none.",
        "Did you mean the letter? Text stands in quotes.",
    ),
    "np-in-front": (
        "{where} Python does not know {name} by itself.",
        "If you mean the function of NumPy, say so: its functions start with np. or np.random.",
    ),
    "module-not-imported": (
        "{where} The module {name} is not imported.",
        "NumPy can do the same; it is imported already, as np.",
    ),
    "numpy-long-name": (
        "{where} The name numpy is not defined here.",
        "Section 1 imports NumPy under a short name. Use that one.",
    ),
    "np-missing": (
        "{where} The name np has no value.",
        "After a restart of the kernel, run the cell of section 1 first.",
    ),
    "local-name": (
        "{where} The name {name} belongs to a variable of the function, which has no value yet.",
        "Choose another name for the variable if Python or NumPy uses this one already; otherwise "
        "give it a value before this line, in a line that is sure to run.",
    ),
    "missing-key": (
        "{where} It asks for a key that the dictionary does not have.",
        "Store a value under a key before you read it; one = stores, and == compares. Is the key "
        "spelled in the same way in both places?",
    ),
    "unknown-attribute": (
        "{where} {owner}, which stands before the dot, does not have {name}.",
        "Check the spelling, and which part of NumPy has what you need.",
    ),
    "np-overwritten": (
        "{where} What stands before the dot is of type {name}, not a part of NumPy.",
        "Has a cell given the name np, or a part of np, another value? Correct that cell and "
        "restart the kernel (Kernel > Restart).",
    ),
    "removed-from-numpy": (
        "{where} This version of NumPy has no name {name}.",
        "Old texts still use this name. For the numbers of this exercise no type needs to be "
        "given.",
    ),
    "dict-append": (
        "{where} A dictionary cannot be filled like a list.",
        "An array is stored under its key, which stands in square brackets.",
    ),
    "dict-attribute": (
        "{where} A dictionary has nothing called {name}.",
        "An array is stored under its key, which stands in square brackets, not after a dot.",
    ),
    "list-length": (
        "{where} A list does not have {name}.",
        "len counts the entries of a list.",
    ),
    "not-in-np-random": (
        "{where} The module {module} itself does not have {name}.",
        "The functions of NumPy for random numbers start with np.random.",
    ),
    "negative-size": (
        "{where} The size of an array is negative.",
        "Print the sizes in this line. Where is something subtracted?",
    ),
    "not-implemented": (
        "{where} This line says that the function is not written yet.",
        "Write your own code in place of this line.",
    ),
    "shapes-do-not-fit": (
        "{where} Two shapes do not fit together.",
        "Print the shapes of the arrays in this line.",
    ),
    "division-by-zero": (
        "{where} It divides by zero.",
        "Which number in this line can be zero?",
    ),
    "endless-recursion": (
        "{where} A function calls itself too many times.",
        "A loop over the layers is enough; the function need not call itself.",
    ),
    "endless-loop": (
        "The function had not finished after 10 seconds, so it was stopped.",
        "Does a while loop ever end? Something in its condition must change in each round.",
    ),
    "exits": (
        "{where} It tells Python to stop.",
        "Remove the call that exits: a function hands its result back with return.",
    ),
    "raises": (
        "{where}",
        "Split the line into smaller steps and print what each of them gives.",
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
        "Is the marked part filled in, and was the cell run since then? Does the loop run at all: "
        "which numbers does its range give? Print them.",
    ),
    "dims-ignored": (
        "Whatever layers_dims is, the function returns arrays of the same shapes.",
        "Take every size from the argument layers_dims: no fixed numbers, no variable of the "
        "notebook.",
    ),
    "fixed-depth": (
        "Whatever the length of layers_dims is, the function returns {layers} layers.",
        "How many layers there are follows from the length of layers_dims.",
    ),
    "missing-last-layer": (
        "The last layer is missing.",
        "Write down the values that your loop counter takes. Where does range stop?",
    ),
    "only-first-layer": (
        "Only the keys of the first layer came back.",
        "Does every round of the loop run, or does a return stand inside it? Does each round "
        "store its arrays?",
    ),
    "only-last-layer": (
        "Only the keys of the last layer came back.",
        "Print the keys in each round: do they change? And is the dictionary made once, above the "
        "loop?",
    ),
    "same-key": (
        "Only W1 and b1 came back, and W1 has the shape of the last layer.",
        "Does the key change from one round to the next? Under a key that stays the same, each "
        "array replaces the one before.",
    ),
    "only-last-weights": (
        "Of the weights only the last ones came back.",
        "Is the line that stores W inside the loop, and does its key change in each round?",
    ),
    "only-last-bias": (
        "Of the biases only the last one came back.",
        "Is the line that stores b inside the loop, and does its key change in each round?",
    ),
    "missing-first-layer": (
        "The first layer is missing.",
        "Write down the values that your loop counter takes. Where does range start?",
    ),
    "keys-from-zero": (
        "The layers are counted from 0; the first one should be W1 and b1.",
        "The input is layer 0 and has no weights.",
    ),
    "keys-from-two": (
        "The layers are counted from 2; the first one should be W1 and b1.",
        "Print the number in the key in each round of the loop.",
    ),
    "layer-zero": (
        "There are W0 and b0, expected W1 and b1 as the first ones.",
        "The input is layer 0 and has no weights. Where does range start?",
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
        "The keys do not contain the number of the layer.",
        "Each layer needs keys of its own: join the letter with the value of the loop counter, "
        "not with its name.",
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
    "trailing-comma": (
        "{key} is a tuple with one entry, expected a NumPy array (numpy.ndarray).",
        "A comma at the end of a line makes a tuple.",
    ),
    "still-none": (
        "{key} is {value}, expected a NumPy array (numpy.ndarray).",
        "Has everything that holds a place in the marked lines been replaced, and was the cell "
        "run since then?",
    ),
    "not-an-array": (
        "{key} is of type {type}, expected a NumPy array (numpy.ndarray).",
        "np.zeros and np.random.randn make arrays; keep what they give you.",
    ),
    "integer-dtype": (
        "{key} holds whole numbers ({type}), expected float64.",
        "np.zeros and np.random.randn make float64 by themselves. Does the function that the "
        "exercise names make this array, and with no type given?",
    ),
    "wrong-dtype": (
        "{key} holds values of type {type}, expected float64.",
        "np.zeros and np.random.randn make float64 by themselves. What in your lines gives "
        "another type?",
    ),
    "transposed": (
        "Rows and columns of the weights are exchanged.",
        "W has one row for each unit of this layer, one column for each unit of the previous one.",
    ),
    "weights-and-biases-swapped": (
        "W and b are exchanged: each has the shape of the other.",
        "The weights are a matrix with a column for each unit of the previous layer; the biases "
        "are a single column.",
    ),
    "sizes-shifted": (
        "The sizes of the weights are those of the layer before.",
        "Entry 0 of layers_dims is the input, so layer 1 has as many units as entry 1 says.",
    ),
    "factor-in-shape": (
        "W has 10 times as many columns as expected.",
        "Does the factor stand inside the brackets that hold the sizes? It belongs behind them.",
    ),
    "same-sizes": (
        "Every {letter} has as many {sizes} as {letter}1.",
        "Is this size taken from layers_dims with the loop counter? The letter l and the digit 1 "
        "look alike.",
    ),
    "minus-outside": (
        "The number of columns of W is the number of its rows minus 1.",
        "Where does the square bracket of the second size close? The size of the layer before is "
        "not this size minus 1.",
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
        "Look for a division by zero, the root or a power of a negative number, or an array that "
        "is never filled.",
    ),
    "no-seed": (
        "The weights differ from one call to the next, expected the same numbers every time.",
        "Inside the function, the generator of np.random must start at the given seed before the "
        "first draw. The seed of the module random is another one.",
    ),
    "not-repeatable": (
        "Two calls with the same layers_dims give different results.",
        "The result may depend on layers_dims only, not on anything outside the function.",
    ),
    "bias-constant": (
        "Every bias is {value}, expected 0.",
        "Biases start at zero; only the weights must differ from each other.",
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
        "Is each W drawn at random, and is the factor that it is multiplied by not zero? Print "
        "both.",
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
        "The weights are the numbers that np.random.randn draws, without any change; expected the "
        "same numbers times a factor.",
        "Which factor does the exercise ask for? If you have one, print it: it is 1 in each layer.",
    ),
    "outside-name": (
        "The factor is not the expected one, and the function uses {name}, which comes from "
        "outside of it.",
        "Everything that the factor needs is in the argument layers_dims.",
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
    "scale-power-first": (
        "The factor is 1 / n, expected the square root of 2 / n.",
        "If you wrote the root as a power: Python takes the power first, then divides, so "
        "x ** 1 / 2 is half of x. The exponent needs brackets.",
    ),
    "scale-partial-root": (
        "The factor is 2 / sqrt(n): the root covers a part of the fraction only.",
        "Divide first, then take the root.",
    ),
    "scale-divided": (
        "The factor is the expected one upside down: 1 divided by it.",
        "The more units the previous layer has, the smaller the weights should be. Look at the "
        "fraction, and at whether you multiply or divide.",
    ),
    "scale-square": (
        "The factor is 100, the square of the expected 10.",
        "10 is the standard deviation of the weights. The variance is its square: is that what "
        "you used?",
    ),
    "scale-root": (
        "The factor is the square root of 10, expected 10.",
        "The exercise asks for the factor itself; no root is needed.",
    ),
    "scale-input": (
        "The factor uses the number of inputs of the network in every layer, expected the size of "
        "the previous layer.",
        "Does the index change with the loop counter? The letter l and the digit 1 look alike.",
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
    "scale-one-more": (
        "The factor divides by n + 1, expected n, the size of the previous layer.",
        "Count the units of the previous layer only; the bias is not one of them.",
    ),
    "scale-fan-average": (
        "The factor uses the average of the sizes of this layer and the previous one.",
        "In this exercise the size of this layer plays no part in the factor.",
    ),
    "scale-varies": (
        "Each W is a multiple of the expected one, but not the same multiple in each layer.",
        "The random numbers are right; what does your factor depend on? Is it rounded?",
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
        "Is a small number added somewhere, or a factor written with few digits? Is a type such "
        "as float32 used on the way?",
    ),
    "shifted-mean": (
        "Every weight is the expected one plus {shift}.",
        "The weights are drawn around zero.",
    ),
    "shifted-and-scaled": (
        "The right random numbers were drawn, but then something was added or subtracted.",
        "Draw the numbers and multiply them by the factor, nothing else. No mean needs to be "
        "taken away.",
    ),
    "factor-added": (
        "The factor is added to the random numbers, expected a multiplication.",
        "Which sign stands between the random numbers and the factor?",
    ),
    "some-entries-differ": (
        "Some entries of {key} are right and others are not.",
        "Is each W drawn in one call, in its own shape, and not changed afterwards?",
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
        "Some of the random numbers that follow seed 3 were skipped.",
        "After the seed, draw the weights of each layer, one after the other, and nothing else. "
        "Use every number that is drawn.",
    ),
    "wrong-after-first-layer": (
        "W1 is right, but the layers after it hold other numbers.",
        "What happens between the first and the second round of the loop? Only weights may be "
        "drawn, and the generator is seeded once.",
    ),
    "uniform": (
        "The numbers are drawn from a uniform distribution, expected a normal one.",
        "np.random.rand, random and uniform are uniform; np.random.randn, with an n at its end, is "
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
        "The weights have about the expected spread, but they are not the expected numbers.",
        "Are they drawn with np.random.randn, right after the given seed, and only multiplied by "
        "the factor?",
    ),
    "other-spread": (
        "The weights look like draws from a normal distribution, but they are not the expected "
        "numbers, and their spread is about {first} times the expected one in a large W1, "
        "{second} times in a large W2.",
        "Check both: how the numbers are drawn, and what they are multiplied by.",
    ),
}
